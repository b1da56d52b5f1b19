// Moves all pictures of a comparison as one: wheel and +/- zoom, dragging and arrows move. `element` holds them.
(() => {
  const pane = element.querySelector('.linked');
  if (!pane || pane.dataset.ready) return;
  pane.dataset.ready = 'yes';
  let scale = 1, x = 0, y = 0, held = null;
  const show = () => {
    for (const image of pane.querySelectorAll('img')) image.style.transform = `translate(${x}%, ${y}%) scale(${scale})`;
  };
  const zoom = (factor) => { scale = Math.min(16, Math.max(1, scale * factor)); if (scale === 1) { x = 0; y = 0; } show(); };
  pane.addEventListener('wheel', (event) => { event.preventDefault(); zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2); }, {passive: false});
  pane.addEventListener('pointerdown', (event) => { held = event; });
  window.addEventListener('pointerup', () => { held = null; });
  pane.addEventListener('pointermove', (event) => {
    if (!held) return;
    const box = pane.querySelector('.pane').getBoundingClientRect();
    x += 100 * (event.clientX - held.clientX) / box.width;
    y += 100 * (event.clientY - held.clientY) / box.height;
    held = event;
    show();
  });
  pane.addEventListener('keydown', (event) => {
    const moves = {ArrowLeft: [5, 0], ArrowRight: [-5, 0], ArrowUp: [0, 5], ArrowDown: [0, -5]};
    if (event.key === '+') zoom(1.2);
    else if (event.key === '-') zoom(1 / 1.2);
    else if (moves[event.key]) { x += moves[event.key][0]; y += moves[event.key][1]; show(); }
    else return;
    event.preventDefault();
  });
})();
