// Shows, on every tab, what waits and is painted, and asks for it every two seconds; a studio that restarts is asked again.
// Gradio provides `element`, which holds the list, `server` with the functions of queue.py, and `trigger`.
const language = navigator.languages.join();
let shown = '';
const show = async (answer) => {
  const html = await answer.catch(() => shown);
  if (html === shown) return;
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset : {};
  element.innerHTML = shown = html;
  element.querySelector(`[data-run="${focused.run}"][data-action="${focused.action}"]`)?.focus();
};
const refresh = () => show(server.list_jobs(language));
refresh();
setInterval(() => { if (!document.hidden) refresh(); }, 2000);
document.addEventListener('visibilitychange', refresh);
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-run]');
  // The second click of a double click would end the next picture, which has moved up.
  if (!button || event.detail > 1) return;
  const {run, action} = button.dataset;
  if (action === 'end') show(server.end_job([run, language]));
  else trigger(button.dataset.kind === 'film' ? 'submit' : 'select', {run});
});
