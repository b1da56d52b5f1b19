// A frame drawn over a picture says which part of it counts, and the field with its numbers says the same: whichever of
// the two is changed, the other follows. `element` holds the pictures, `watch` tells that there are others.
const field = () => document.querySelector('#crop textarea, #crop input');
const pictures = () => [...element.querySelectorAll('.uncut')];
const ALL = 'full';

// The crops of these pictures are the last ones of the field: those of built-in styles, if any are there, stand before.
const parts = () => {
  const some = (field()?.value || '').split('/').map((part) => part.trim());
  const before = Math.max(0, some.length - pictures().length);
  return [some.slice(0, before), pictures().map((_, number) => some[before + number] || ALL)];
};
const draw = () => pictures().forEach((picture, number) => {
  const numbers = parts()[1][number].split(',').map(Number);
  const [left, top, width, height] = numbers;
  const cut = picture.querySelector('.cut');
  cut.hidden = numbers.length !== 4 || !numbers.every(Number.isFinite);
  const across = (value) => `${100 * value / picture.dataset.width}%`;
  const down = (value) => `${100 * value / picture.dataset.height}%`;
  Object.assign(cut.style, {left: across(left), top: down(top), width: across(width), height: down(height)});
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

let held = null;
const place = (picture, event) => {
  const box = picture.getBoundingClientRect();
  const share = (value, size) => Math.min(1, Math.max(0, value / size));
  return [
    Math.round(share(event.clientX - box.left, box.width) * picture.dataset.width),
    Math.round(share(event.clientY - box.top, box.height) * picture.dataset.height),
  ];
};
element.addEventListener('pointerdown', (event) => {
  const picture = event.target.closest('.uncut');
  if (!picture || event.button) return;
  picture.setPointerCapture(event.pointerId);
  held = {picture, from: place(picture, event)};
});
element.addEventListener('pointermove', (event) => {
  if (!held) return;
  const [[x, y], [right, bottom]] = [held.from, place(held.picture, event)];
  const [width, height] = [Math.abs(right - x), Math.abs(bottom - y)];
  // A click that trembles is no frame.
  const least = held.picture.dataset.width / 40;
  if (width > least && height > least) write(held.picture, [Math.min(x, right), Math.min(y, bottom), width, height].join(','));
});
for (const end of ['pointerup', 'pointercancel']) element.addEventListener(end, () => { held = null; });
element.addEventListener('dblclick', (event) => {
  const picture = event.target.closest('.uncut');
  if (picture) write(picture, ALL);
});
document.addEventListener('input', (event) => { if (event.target === field()) draw(); });
watch('value', () => requestAnimationFrame(draw));
// Pictures and numbers may be there before their fold is opened for the first time.
requestAnimationFrame(draw);
