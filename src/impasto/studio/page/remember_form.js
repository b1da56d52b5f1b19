// Keeps what the form holds for the tab: it is shown again after a reload, the button Back, or a restart of the studio.
// Not before the page has shown what it kept, which a field that is just being made would overwrite.
(...values) => {
  const plain = (value) => Array.isArray(value) ? value.map(plain)
    : value?.image ? plain(value.image) : value?.path ? {file: value.path} : value;
  if (window.impastoShowsForm) sessionStorage.setItem('impasto-form', JSON.stringify(values.map(plain)));
  return [];
}
