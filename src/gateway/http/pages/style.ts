// The one style of all pages. Its hash stands in their policy: no other style applies, attributes included.

export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f4f6f4; --card: #fff; --line: #dfe4e0; --ink: #17201d; --quiet: #5a6661;
  --accent: #0b6b61; --on-accent: #fff; --tint: #e4f2ef; --bad: #ad1f17; --folder: #d99a2b; --file: #a9b5b0;
  --shadow: 0 1px 2px #17201d0d, 0 6px 20px #17201d0a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #101413; --card: #181e1c; --line: #2a322f; --ink: #e7ece9; --quiet: #9aa7a1;
    --accent: #63d0c0; --on-accent: #06231f; --tint: #18302c; --bad: #ff9188; --folder: #dba745; --file: #5d6964;
    --shadow: none;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html { -webkit-text-size-adjust: 100%; }
body {
  max-width: 60rem; min-height: 100vh; margin: 0 auto; padding: 1.25rem 2rem 2rem; display: flex; flex-direction: column;
  background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: .375rem; }
header { display: flex; gap: .75rem; min-height: 2.5rem; }
.mark { flex: none; align-self: flex-start; margin: .5rem 0 0; width: 1.75rem; fill: none; stroke: var(--accent); stroke-width: 2.2; stroke-linecap: round; }
nav ol { display: flex; flex-wrap: wrap; margin: .25rem 0 0; padding: 0; list-style: none; }
nav li::after { content: "/"; padding: 0 .5rem; color: var(--quiet); }
nav a { display: inline-block; padding: .25rem 0; text-decoration: none; }
nav a:hover { text-decoration: underline; }
main { flex: 1; }
footer { margin-top: 3rem; color: var(--quiet); font-size: .875rem; }
h1 {
  margin: .75rem 0 .25rem; font-size: clamp(1.5rem, 5vw, 2rem); line-height: 1.2; letter-spacing: -.015em;
}
h1, nav a, .files a, .uploads b { white-space: pre-wrap; unicode-bidi: isolate; }
h2 { margin: 0 0 .25rem; font-size: 1.125rem; line-height: 1.3; }
section { margin-top: 1.5rem; }
h1 + section { margin-top: 1rem; }
h1 + section > .sum:first-child { margin-top: -1rem; }
.sum { margin: 0 0 .75rem; color: var(--quiet); }
* + .sum { margin-top: .75rem; }
h1 + .sum, h2 + .sum { margin-top: 0; }
.sum:empty { display: none; }
.bad { color: var(--bad); }
.status { margin: 12vh 0 0; color: var(--quiet); font-variant-numeric: tabular-nums; }
.status + h1 { margin-top: 0; }
i { padding: 0 .15em; border-radius: .2em; background: var(--tint); color: var(--accent); font: .8em ui-monospace, monospace; }

.files, .list { margin: 0; padding: 0; background: var(--card); border: 1px solid var(--line); border-radius: .75rem; box-shadow: var(--shadow); }
.files { overflow: hidden; list-style: none; }
.files li {
  position: relative; display: grid; grid-template-columns: 1.5rem 1fr 5.5rem 10.5rem; gap: 0 .75rem; align-items: baseline;
  padding: .625rem 1rem; content-visibility: auto; contain-intrinsic-height: auto 1.5rem;
}
.files li + li { border-top: 1px solid var(--line); }
.files li:hover { background: var(--tint); }
.files li::before {
  content: ""; align-self: start; margin: .125rem auto 0; width: 1rem; height: 1.25rem; background: var(--file);
  clip-path: polygon(0 0, 62% 0, 62% 30%, 100% 30%, 100% 100%, 0 100%);
}
.files .dir::before {
  width: 1.375rem; height: 1.125rem; margin-top: .1875rem; background: var(--folder); border-radius: .1875rem;
  clip-path: polygon(0 0, 40% 0, 52% 17%, 100% 17%, 100% 100%, 0 100%);
}
.files a { grid-column: 2; color: inherit; text-decoration: none; }
.files .dir a { font-weight: 600; }
.files a::after { content: ""; position: absolute; inset: 0; }
.files a:focus-visible { outline: none; }
.files a:focus-visible::after { outline: 3px solid var(--accent); outline-offset: -3px; border-radius: .75rem; }
.files span, .files time { grid-column: 3; color: var(--quiet); font-size: .875rem; font-variant-numeric: tabular-nums; text-align: right; }
.files time { grid-column: 4; }
.list { padding-left: 2.75rem; }
.list li { padding: .5rem 1rem .5rem .25rem; white-space: pre-wrap; unicode-bidi: plaintext; text-align: left; }
.list li + li { border-top: 1px solid var(--line); }
.list li::marker { color: var(--quiet); font-variant-numeric: tabular-nums; }

.drop {
  display: block; padding: 1.25rem; border: 2px dashed var(--line); border-radius: .75rem; background: var(--card); text-align: center; cursor: pointer;
}
.drop b, .drop .hint { display: block; }
.drop b { color: var(--accent); }
.drop .hint { color: var(--quiet); font-size: .875rem; }
.drop input { max-width: 100%; margin-top: .75rem; font: inherit; color: inherit; }
.drop:hover, .dragging .drop { border-color: var(--accent); background: var(--tint); }
.drop:focus-within { outline: 3px solid var(--accent); outline-offset: 2px; }
button, .button {
  display: inline-block; margin: .75rem 0 0; padding: .625rem 1.25rem; border: 0; border-radius: .5rem; background: var(--accent);
  color: var(--on-accent); font: inherit; font-weight: 600; line-height: 1.25; text-decoration: none; cursor: pointer;
}
.live button:not(.small) { display: none; }
.live .drop input { position: absolute; width: 1px; height: 1px; margin: 0; opacity: 0; }
.live { position: relative; }
.drag { display: none; }
@media (hover: hover) and (pointer: fine) {
  .live .drag { display: inline; }
}
.note { margin-bottom: 1rem; padding: 1rem 1.25rem; border-radius: .75rem; background: var(--tint); }
.note ul { margin: 0; padding-left: 1.25rem; }
.note p { margin: .5rem 0 0; }
.uploads { margin: 0; padding: 0; list-style: none; }
.uploads:not(:empty) { margin: .75rem 0; }
.uploads li {
  display: grid; grid-template-columns: 1fr auto; gap: .125rem 1rem; align-items: center; padding: .625rem 1rem; border: 1px solid var(--line);
  border-radius: .75rem; background: var(--card);
}
.uploads li + li { margin-top: .5rem; }
.uploads b { font-weight: 600; }
.uploads progress { grid-column: 1 / -1; width: 100%; height: .375rem; accent-color: var(--accent); }
.uploads span { grid-column: 1 / -1; color: var(--quiet); font-size: .875rem; font-variant-numeric: tabular-nums; }
.uploads .bad span { color: var(--bad); }
.small { margin: 0; padding: .25rem .75rem; background: none; border: 1px solid var(--line); color: var(--accent); font-size: .875rem; }

@media (max-width: 40rem) {
  body { padding: .75rem 1rem 1.5rem; }
  .files li { grid-template-columns: 1.5rem auto 1fr; padding: .625rem .875rem; contain-intrinsic-height: auto 2.8125rem; }
  .files li::before { grid-row: 1 / 3; }
  .files a { grid-column: 2 / -1; }
  .files span { grid-column: 2; }
  .files time { grid-column: 3; text-align: left; }
  .files .dir time { grid-column: 2 / -1; }
}
@media (prefers-reduced-motion: no-preference) {
  .files li, .drop { transition: background-color .12s; }
}
@media print {
  .upload, footer { display: none; }
}
`;
