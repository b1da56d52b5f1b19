"""impasto in ComfyUI: copy this folder to `custom_nodes/impasto`, and install impasto into ComfyUI's Python."""

from .nodes import ImpastoExtension


async def comfy_entrypoint() -> ImpastoExtension:
    """Return the extension; ComfyUI calls this when it loads the folder."""
    return ImpastoExtension()
