// Stores which run a tab shows when the tab is left, and returns it when the tab is loaded again.
() => {
  addEventListener('pagehide', () => {
    const shown = document.querySelector('#status [data-run]');
    if (shown) sessionStorage.setItem('impasto-run', shown.dataset.run);
  });
  return sessionStorage.getItem('impasto-run') ?? '';
}
