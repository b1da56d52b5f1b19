// Gradio draws strokes twice, and reports an error, if it gets them while it makes the editor of a fold that was opened.
async (...inputs) => {
  const isMade = () => document.querySelector('#regions button') || !document.querySelector('#regions-fold > .open');
  for (const end = Date.now() + 30000; !isMade() && Date.now() < end;) await new Promise((go) => setTimeout(go, 30));
  return inputs;
}
