"""The parts of the scoreboard: `quality.py` beside this folder puts them together.

`inputs` reads the pairs, `methods` says how each program is run, `store` keeps what was painted and judged, `work`
paints and judges what is missing, `ranking` compares, `page`, `figure` and `sheets` show.
"""
