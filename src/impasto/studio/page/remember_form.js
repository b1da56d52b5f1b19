// Keeps what the form holds for the tab: it is shown again after a reload, the button Back, or a restart of the studio.
// Not before the page has shown what it kept, which a field that is just being made would overwrite.
(...values) => {
  const plain = (value) => Array.isArray(value) ? value.map(plain)
    : value?.image ? plain(value.image) : value?.path ? {file: value.path} : value;
  if (window.impastoShowsForm) {
    const kept = values.map(plain);
    // Strokes belong to one photo; page.js keeps them.
    if (JSON.parse(sessionStorage.getItem('impasto-form'))?.[0]?.file !== kept[0]?.file) sessionStorage.removeItem('impasto-strokes');
    sessionStorage.setItem('impasto-form', JSON.stringify(kept));
  }
  return [];
}
