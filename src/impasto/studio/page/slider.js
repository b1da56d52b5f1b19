// Before and after: the slider sets how much of the photo covers the painting; a dialog shows both as large as possible.
// Gradio provides `element`, which stays when its content is replaced, and `watch`, which reports that.
let at = '50';
element.addEventListener('input', (event) => {
  const slider = event.target.closest('.slider');
  if (!slider) return;
  at = event.target.value;
  slider.style.setProperty('--at', `${at}%`);
});
watch('value', () => {
  const slider = element.querySelector('.slider');
  if (!slider) { at = '50'; return; }
  slider.querySelector('input').value = at;
  slider.style.setProperty('--at', `${at}%`);
});
element.addEventListener('click', (event) => {
  const both = event.target.closest('.before-after');
  const dialog = both?.querySelector('dialog');
  if (!dialog) return;
  if (event.target.closest('.enlarge')) {
    dialog.prepend(both.querySelector('.slider'));
    dialog.showModal();
    dialog.querySelector('input').focus();
  } else if (event.target.closest('.close')) dialog.close();
});
// The Escape key closes the dialog, too. The event does not bubble, so it is captured.
element.addEventListener('close', (event) => {
  const both = event.target.closest('.before-after');
  both.prepend(event.target.querySelector('.slider'));
  both.querySelector('.enlarge').focus();
}, true);
