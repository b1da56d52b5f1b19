// Shows a run while it is painted: asks every second how it is, and reports its end once.
// Gradio provides `element`, `server` with the function `look` of film.py, `trigger`, and `watch`.
const language = navigator.languages.join();
let turn = '', seen = '', asking = false;
const box = () => element.querySelector('.watched');
const look = async () => {
  const {run, turn: now} = box()?.dataset ?? {};
  if (!run || asking || document.hidden || !element.offsetParent) return;
  if (turn !== now) [turn, seen] = [now, ''];
  // What a page that is loaded again goes on watching.
  if (element.closest('#film-view')) sessionStorage.setItem('impasto-film', run);
  asking = true;
  const answer = await server.look([run, language, seen]).then(JSON.parse).catch(() => null);
  asking = false;
  if (!answer || box()?.dataset.turn !== now) return;
  if (answer.status !== null) box().querySelector('.told').innerHTML = answer.status;
  if (answer.pictures !== null) {
    box().querySelector('.pictures').innerHTML = answer.pictures;
    element.dispatchEvent(new Event('replaced'));  // to linked.js, which keeps place and focus
  }
  seen = answer.version;
  if (!answer.ended) return;
  box().dataset.run = '';
  trigger('select', {run});
};
watch('value', look);
setInterval(look, 1000);
