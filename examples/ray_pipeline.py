"""Paint inside a pipeline of Ray Data: `python examples/ray_pipeline.py FOLDER STYLE [SIZE]`; needs the extra batch."""

import sys
from pathlib import Path

import ray

from impasto.batch import Painter

if __name__ == "__main__":
    folder, style, size = (*sys.argv[1:3], int(sys.argv[3]) if len(sys.argv) > 3 else 512)
    photos = ray.data.read_binary_files(str(Path(folder).resolve()), include_paths=True)
    painted = photos.map_batches(
        Painter,
        fn_constructor_kwargs={"styles": style, "size": size},
        compute=ray.data.ActorPoolStrategy(size=1),
        batch_size=1,
        num_cpus=1,
    )
    for row in painted.iter_rows():
        name = f"{Path(row['path']).stem}_painted.png"
        Path(name).write_bytes(row["picture"])
        print(f"{name}: {row['status']} {row['error']}".rstrip())
