"""The pictures of "Four variations", without a browser."""

import gradio as gr
import pytest
from patience import PATIENCE


@pytest.fixture
def variations(open_studio):
    from impasto.studio.page.variations import Variations

    studio = open_studio()
    with gr.Blocks():
        return studio, Variations(studio, str, gr.State(None))


def test_variations_that_are_asked_for_again_are_followed_instead(variations, pictures, small):
    studio, shown = variations
    whole = studio.submit(pictures[0], "night", small)
    assert whole.wait(PATIENCE)
    request = gr.Request(session_hash="a", headers={})
    first, _ = shown._start(whole.name, request)
    following = shown.follow(first, request)
    assert len(next(following)["value"]) == 4
    second, _ = shown._start(whole.name, request)
    *_, last = following
    assert all(studio.job(name).has_ended for name in second[1:])
    for (pixels, _), name in zip(last["value"], second[1:], strict=True):
        assert (pixels == studio.job(name).picture()).all()
