// Mantine's theme: sizes and defaults. Colours are variables in tokens.css, because Mantine would
// write those of a theme into a <style> element, which the policy forbids.
import { createTheme, localStorageColorSchemeManager } from '@mantine/core';

export const schemeManager = localStorageColorSchemeManager({ key: 'aerie.scheme' });

const overlay = {
  // Locking the scroll would write a <style> element; shell.css does it instead.
  lockScroll: false,
  transitionProps: { duration: 120 },
};

export const theme = createTheme({
  primaryColor: 'blue',
  defaultRadius: 'sm',
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Anchor: { defaultProps: { inherit: true } },
    Button: { defaultProps: { size: 'xs' } },
    ActionIcon: { defaultProps: { size: 'md', variant: 'subtle', color: 'gray' } },
    TextInput: { defaultProps: { size: 'sm' } },
    Badge: { defaultProps: { variant: 'light', radius: 'sm' } },
    Modal: { defaultProps: { ...overlay, centered: true, padding: 'lg' } },
    Drawer: { defaultProps: overlay },
    Tooltip: { defaultProps: { openDelay: 250, withinPortal: true, multiline: true, maw: 360 } },
    Menu: { defaultProps: { position: 'bottom-end', shadow: 'md' } },
    Table: { defaultProps: { verticalSpacing: 6, horizontalSpacing: 'sm' } },
  },
});
