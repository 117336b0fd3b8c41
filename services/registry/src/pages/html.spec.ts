// SPDX-License-Identifier: Apache-2.0
import { html } from './html';

describe('html', () => {
  it('escapes every value, also in attributes and lists, but not its own output', () => {
    const name = `"><script>alert('x')</script>&`;
    const inner = html`<b>${name}</b>`;
    const page = html`<p title="${name}">${[inner, name]}</p>`.text;
    expect(page).not.toContain('<script>');
    expect(page).toContain('<b>&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;</b>');
    expect(page.match(/<b>/g)).toHaveLength(1);
  });
});
