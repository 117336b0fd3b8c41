// SPDX-License-Identifier: Apache-2.0

/** Style of the report page. Colours have a contrast of at least 4.5 to 1 in both schemes. */
export const REPORT_STYLE = `
:root{color-scheme:light dark;--ink:#1b2430;--soft:#566273;--paper:#f6f7f9;--card:#fff;--line:#d9dee6;--bar:#2f6fb3;--mark:#b3541e;--high:#b3261e;--medium:#8a5a00;--low:#4a5a6b;--good:#1f7a4d}
@media (prefers-color-scheme:dark){:root{--ink:#e8ecf2;--soft:#a3afbf;--paper:#12161c;--card:#1a2029;--line:#323b48;--bar:#6ea8e6;--mark:#f0a070;--high:#ff8a80;--medium:#f0c060;--low:#a3b3c4;--good:#7fd6a8}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header,main{max-width:1160px;margin:0 auto;padding:1.2rem 1.4rem}
.brand{margin:0;color:var(--soft);letter-spacing:.08em;text-transform:uppercase;font-size:.75rem}
h1{margin:.1rem 0 1rem;font-size:1.6rem}h2{margin:2rem 0 .6rem;font-size:1.2rem;border-bottom:1px solid var(--line);padding-bottom:.3rem}h3{margin:.2rem 0;font-size:1rem}
small{color:var(--soft);font-weight:400}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:.7rem;margin:0}
.tile,.card,figure{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.8rem 1rem;margin:0}
.tile dt{color:var(--soft);font-size:.8rem}.tile dd{margin:0;font-size:1.35rem;font-weight:600}.tile small{display:block;font-size:.75rem}
nav{display:flex;flex-wrap:wrap;gap:.4rem 1rem;margin-top:1rem}a{color:var(--bar)}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(340px,100%),1fr));gap:.9rem;margin:.8rem 0}
.card figure{border:0;padding:.2rem 0}
figcaption{font-weight:600;margin-bottom:.4rem;overflow-wrap:anywhere}
main section:first-child h2{margin-top:0}header{padding-bottom:.4rem}
svg{width:100%;max-width:520px;height:auto;display:block}.bar,.dot{fill:var(--bar)}.rule{stroke:var(--line)}.mark{stroke:var(--mark);stroke-dasharray:4 3}
.line{fill:none;stroke:var(--bar);stroke-width:2}.dashed{stroke-dasharray:5 4;opacity:.7}.axis{fill:var(--soft);font-size:11px}.name{fill:var(--ink);font-size:12px}
.facts{margin:.3rem 0 0;color:var(--soft);font-size:.85rem}.facts b{color:var(--ink)}
details{margin-top:.4rem}summary{cursor:pointer;color:var(--soft);font-size:.85rem}
.scroll{overflow-x:auto;margin:.6rem 0}table{border-collapse:collapse;min-width:min(100%,24rem);font-size:.87rem;background:var(--card)}caption{text-align:left;color:var(--soft);padding:.2rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid var(--line);overflow-wrap:anywhere;min-width:7.5rem}th{white-space:nowrap}.n{text-align:right;font-variant-numeric:tabular-nums;min-width:3rem}
.alerts{list-style:none;padding:0;display:grid;gap:.5rem}.alert{background:var(--card);border:1px solid var(--line);border-left:4px solid var(--low);border-radius:8px;padding:.5rem .8rem;overflow-wrap:anywhere}
.alert.high{border-left-color:var(--high)}.alert.medium{border-left-color:var(--medium)}.badge{font-size:.75rem;font-weight:700;text-transform:uppercase}.high .badge{color:var(--high)}.medium .badge{color:var(--medium)}.low .badge{color:var(--low)}
.exact,.approx{font-size:.72rem;border:1px solid currentColor;border-radius:999px;padding:0 .45rem;white-space:nowrap}.exact{color:var(--good)}.approx{color:var(--medium)}
code{background:color-mix(in srgb,var(--line) 45%,transparent);border-radius:4px;padding:0 .25rem;overflow-wrap:anywhere}
@media print{body{background:#fff}details{display:none}}
`.trim();
