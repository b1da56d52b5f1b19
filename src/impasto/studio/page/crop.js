// Keeps the crop frames drawn on pictures and the numbers in the crop field equal: a change of one updates the other.
// Gradio provides `element`, which holds the pictures, and `watch`, which reports that they were replaced.
const field = () => document.querySelector('#crop textarea, #crop input');
const pictures = () => [...element.querySelectorAll('.crop-picture')];
const ALL = 'full';

// The last crops of the field belong to these pictures; those of built-in styles may come before them.
const parts = () => {
  const some = (field()?.value || '').split('/').map((part) => part.trim());
  const before = Math.max(0, some.length - pictures().length);
  return [some.slice(0, before), pictures().map((_, number) => some[before + number] || ALL)];
};
const draw = () => pictures().forEach((picture, number) => {
  const numbers = parts()[1][number].split(',').map(Number);
  const [left, top, width, height] = numbers;
  const frame = picture.querySelector('.crop-frame');
  frame.hidden = numbers.length !== 4 || !numbers.every(Number.isFinite);
  const across = (value) => `${100 * value / picture.dataset.width}%`;
  const down = (value) => `${100 * value / picture.dataset.height}%`;
  Object.assign(frame.style, {left: across(left), top: down(top), width: across(width), height: down(height)});
});
const write = (picture, crop) => {
  const [before, own] = parts();
  own[pictures().indexOf(picture)] = crop;
  const all = [...before, ...own];
  const text = all.every((part) => part === ALL) ? '' : all.join('/');
  field().value = text;
  field().dispatchEvent(new Event('input', {bubbles: true}));
  draw();
};

let drag = null;
const place = (picture, event) => {
  const box = picture.getBoundingClientRect();
  const share = (value, size) => Math.min(1, Math.max(0, value / size));
  return [
    Math.round(share(event.clientX - box.left, box.width) * picture.dataset.width),
    Math.round(share(event.clientY - box.top, box.height) * picture.dataset.height),
  ];
};
element.addEventListener('pointerdown', (event) => {
  const picture = event.target.closest('.crop-picture');
  if (!picture || event.button) return;
  picture.setPointerCapture(event.pointerId);
  drag = {picture, from: place(picture, event)};
});
element.addEventListener('pointermove', (event) => {
  if (!drag) return;
  const [[x, y], [right, bottom]] = [drag.from, place(drag.picture, event)];
  const [width, height] = [Math.abs(right - x), Math.abs(bottom - y)];
  // Ignore the small movement of a click.
  const minimum = drag.picture.dataset.width / 40;
  if (width > minimum && height > minimum) write(drag.picture, [Math.min(x, right), Math.min(y, bottom), width, height].join(','));
});
for (const end of ['pointerup', 'pointercancel']) element.addEventListener(end, () => { drag = null; });
element.addEventListener('dblclick', (event) => {
  const picture = event.target.closest('.crop-picture');
  if (picture) write(picture, ALL);
});
document.addEventListener('input', (event) => { if (event.target === field()) draw(); });
watch('value', () => requestAnimationFrame(draw));
// Pictures and numbers may have been set before this fold is opened for the first time.
requestAnimationFrame(draw);
