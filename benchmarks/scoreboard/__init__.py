"""The parts of the scoreboard, which `quality.py` puts together.

`inputs` reads the pairs, `methods` are the programs, `paint` paints what is missing, `store` keeps results, `ranking`
compares scores, `summary` judges and collects the figures, `report` shows them.
"""
