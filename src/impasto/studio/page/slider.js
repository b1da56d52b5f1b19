// Before and after: the slider says how much of the photo covers the painting, and a window shows both as large as can
// be. `element` stays, whatever is shown in it.
element.addEventListener('input', (event) => {
  const stage = event.target.closest('.stage');
  if (stage) stage.style.setProperty('--at', `${event.target.value}%`);
});
element.addEventListener('click', (event) => {
  const both = event.target.closest('.both');
  const dialog = both?.querySelector('dialog');
  if (!dialog) return;
  if (event.target.closest('.enlarge')) {
    dialog.prepend(both.querySelector('.stage'));
    dialog.showModal();
    dialog.querySelector('input').focus();
  } else if (event.target.closest('.close')) dialog.close();
});
// Escape closes it, too; closing does not bubble.
element.addEventListener('close', (event) => {
  const both = event.target.closest('.both');
  both.prepend(event.target.querySelector('.stage'));
  both.querySelector('.enlarge').focus();
}, true);
