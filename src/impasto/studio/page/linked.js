// Zooms and moves all pictures of a comparison together. The wheel, two fingers and the keys + and - zoom towards the
// pointer; dragging and the arrow keys move; a double click zooms in and out. Gradio provides `element`, which stays when
// its content is replaced, and `watch`, which reports that. Pictures that follow others with the same key, such as those of
// one painting that grows, keep place and focus.
const places = new WeakMap();
const pointers = new Map();
const MAX_SCALE = 16;
let kept = null;
let hasFocus = false;

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const placeOf = (linked) => places.get(linked) ?? {scale: 1, x: 0, y: 0};

// x and y are the offset of the picture in widths and heights of its pane; the picture always fills the pane.
const show = (linked, scale, x, y) => {
  const place = {scale, x: clamp(x, 1 - scale, 0), y: clamp(y, 1 - scale, 0)};
  places.set(linked, place);
  kept = {key: linked.dataset.key, place};
  linked.classList.toggle('zoomed', scale > 1);
  for (const image of linked.querySelectorAll('img'))
    image.style.transform = `translate(${100 * place.x}%, ${100 * place.y}%) scale(${scale})`;
};
const move = (linked, right, down) => {
  const {scale, x, y} = placeOf(linked);
  show(linked, scale, x + right, y + down);
};
const zoom = (linked, factor, [left, top] = [0.5, 0.5]) => {
  const before = placeOf(linked);
  const scale = clamp(before.scale * factor, 1, MAX_SCALE);
  const grown = scale / before.scale;
  show(linked, scale, left - (left - before.x) * grown, top - (top - before.y) * grown);
};
const within = (pane, event) => {
  const box = pane.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
};
const linkedOf = (event) => event.target.closest?.('.linked');
const paneOf = (event) => event.target.closest?.('.linked .pane');

element.addEventListener('wheel', (event) => {
  const pane = paneOf(event);
  // The page scrolls on over a picture that is not zoomed.
  if (!pane || (event.deltaY > 0 && placeOf(linkedOf(event)).scale === 1)) return;
  event.preventDefault();
  zoom(linkedOf(event), event.deltaY < 0 ? 1.2 : 1 / 1.2, within(pane, event));
}, {passive: false});
element.addEventListener('dblclick', (event) => {
  const pane = paneOf(event);
  if (!pane) return;
  if (placeOf(linkedOf(event)).scale > 1) show(linkedOf(event), 1, 0, 0);
  else zoom(linkedOf(event), 3, within(pane, event));
});
element.addEventListener('pointerdown', (event) => {
  const pane = paneOf(event);
  if (!pane || event.button) return;
  pane.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, {pane, at: within(pane, event)});
});
for (const end of ['pointerup', 'pointercancel'])
  element.addEventListener(end, (event) => pointers.delete(event.pointerId));
element.addEventListener('pointermove', (event) => {
  const mine = pointers.get(event.pointerId);
  if (!mine) return;
  if (!mine.pane.isConnected) mine.pane = element.querySelector('.pane');
  if (!mine.pane) return;
  const linked = mine.pane.closest('.linked');
  const at = within(mine.pane, event);
  const other = [...pointers].find(([id, one]) => id !== event.pointerId && one.pane === mine.pane)?.[1];
  if (other) {
    const apart = (one) => Math.hypot(one[0] - other.at[0], one[1] - other.at[1]) || 0.001;
    zoom(linked, apart(at) / apart(mine.at), [(at[0] + other.at[0]) / 2, (at[1] + other.at[1]) / 2]);
  }
  const share = other ? 2 : 1;
  move(linked, (at[0] - mine.at[0]) / share, (at[1] - mine.at[1]) / share);
  mine.at = at;
});
// Two fingers zoom; one finger scrolls the page unless a picture is zoomed (see page.css).
element.addEventListener('touchmove', (event) => {
  if (event.touches.length > 1 && paneOf(event)) event.preventDefault();
}, {passive: false});
element.addEventListener('keydown', (event) => {
  const linked = linkedOf(event);
  const moves = {ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1]};
  if (!linked) return;
  if (event.key === '+' || event.key === '=') zoom(linked, 1.2);
  else if (event.key === '-') zoom(linked, 1 / 1.2);
  else if (event.key === '0') show(linked, 1, 0, 0);
  else if (moves[event.key] && placeOf(linked).scale > 1) move(linked, ...moves[event.key]);
  else return;
  event.preventDefault();
});
document.addEventListener('focusin', (event) => { hasFocus = element.contains(event.target); });
const restore = () => {
  const linked = element.querySelector('.linked[data-key]');
  if (!linked || linked.dataset.key !== kept?.key) return;
  show(linked, kept.place.scale, kept.place.x, kept.place.y);
  if (hasFocus) linked.focus({preventScroll: true});
};
watch('value', restore);
element.addEventListener('replaced', restore);
// Enlarged, the pictures cover the page; the Escape key or a click beside them brings it back.
element.addEventListener('click', (event) => {
  const linked = event.target.closest?.('.enlarge') && element.querySelector('.linked');
  if (linked) linked.classList.add('enlarged');
});
const leave = () => element.querySelector('.linked.enlarged')?.classList.remove('enlarged');
element.addEventListener('click', (event) => { if (event.target.classList?.contains('enlarged')) leave(); });
document.addEventListener('keydown', (event) => { if (event.key === 'Escape') leave(); });
