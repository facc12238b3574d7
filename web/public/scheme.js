// Sets the colour scheme before the first paint; the same key and rule as src/theme/scheme.ts.
(function () {
  var kept = null;
  try {
    kept = window.localStorage.getItem('aerie.scheme');
  } catch (e) {
    // Storage may be forbidden; then the system decides.
  }
  var dark = kept === 'dark' ||
    (kept !== 'light' && window.matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();
