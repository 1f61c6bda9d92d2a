// The look of report.html: one style sheet, light and dark, on screens and on paper.
#pragma once

#include <string_view>

namespace rehost {

constexpr std::string_view kReportStyle = R"css(
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1c1f23; --soft: #5c6570; --line: #d9dee4; --panel: #f5f7f9; --link: #0b57a4;
  --good: #14692f; --good-back: #e5f4e9; --bad: #a3161b; --bad-back: #fdeaea; --doubt: #7a5200; --doubt-back: #fdf3dc;
  --bar: #6f93b8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181c; --ink: #e4e7ea; --soft: #9aa4af; --line: #323941; --panel: #1d2126; --link: #7db8f5;
    --good: #7fd49a; --good-back: #16301e; --bad: #ff9a95; --bad-back: #3a1b1d; --doubt: #eec374; --doubt-back: #352a13;
    --bar: #4d708f;
  }
}
* { box-sizing: border-box; }
html { background: var(--paper); color: var(--ink); font: 100%/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif; }
body { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; overflow-wrap: anywhere; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.5rem 0 .75rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
p { margin: .5rem 0; }
a { color: var(--link); }
code, pre, .mono { font-family: ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .875em; }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
.banner { margin: 1rem 0 1.25rem; padding: .75rem 1rem; border-left: .3rem solid; border-radius: .25rem; }
.banner p { margin: .25rem 0; }
.banner strong { font-size: 1.0625rem; }
.banner.good { background: var(--good-back); border-color: var(--good); }
.banner.bad { background: var(--bad-back); border-color: var(--bad); }
.banner.doubt { background: var(--doubt-back); border-color: var(--doubt); }
nav { font-size: .9375rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; margin: .75rem 0 0; padding: 0; }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) minmax(0, 1fr); gap: .3rem 1.25rem; margin: .75rem 0; }
dt { color: var(--soft); }
dd { margin: 0; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem; font-size: .9375rem; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .8125rem; white-space: nowrap; }
table.questions td:first-child { width: 35%; }
th, td { padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
td.number, th.number { text-align: right; padding-right: 1.5rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
.verdict { display: inline-block; padding: 0 .5rem; border-radius: .75rem; font-size: .8125rem; font-weight: 600; white-space: nowrap; }
.verdict.good { color: var(--good); background: var(--good-back); }
.verdict.bad { color: var(--bad); background: var(--bad-back); }
.verdict.doubt { color: var(--doubt); background: var(--doubt-back); }
ul.notes { list-style: none; margin: .5rem 0; padding: 0; }
ul.notes li { padding: .5rem .75rem; margin: .4rem 0; background: var(--panel); border-left: .2rem solid var(--doubt); border-radius: .2rem; }
ul.notes code { color: var(--soft); }
ol li { margin: .35rem 0; }
details { margin: .75rem 0 1.25rem; }
summary { cursor: pointer; padding: .15rem 0; }
pre.diff { margin: .4rem 0 0; padding: .5rem 0; background: var(--panel); border: 1px solid var(--line); border-radius: .25rem; white-space: pre-wrap; line-height: 1.45; }
pre.diff span { display: block; padding: 0 .75rem 0 1.75rem; text-indent: -1rem; min-height: 1.45em; }
pre.diff .add { color: var(--good); background: var(--good-back); }
pre.diff .del { color: var(--bad); background: var(--bad-back); }
pre.diff .at, pre.diff .file { color: var(--soft); }
pre.diff .cut { color: var(--doubt); font-style: italic; }
svg.bar { display: block; width: 100%; min-width: 4rem; height: .6rem; margin-top: .45rem; }
svg.bar rect { fill: var(--bar); }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); }
@media (max-width: 40rem) {
  dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dd { margin-bottom: .5rem; }
  thead { display: none; }
  tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line); }
  td, td.number, table.questions td:first-child { display: block; width: auto; padding: 0; border: 0; text-align: left; white-space: normal; }
  td:empty { display: none; }
  td[data-name]::before { content: attr(data-name) ": "; color: var(--soft); font-size: .8125rem; }
  table.questions td:first-child { font-weight: 600; }
}
@media print {
  :root {
    --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --panel: #fff; --link: #000;
    --good: #0a5023; --good-back: #fff; --bad: #8a0000; --bad-back: #fff; --doubt: #5c3d00; --doubt-back: #fff;
  }
  html { font-size: 10pt; }
  body { max-width: none; padding: 0; }
  nav { display: none; }
  h2, h3, summary { break-after: avoid; }
  tr, li, .banner { break-inside: avoid; }
  .verdict { padding: 0; }
}
)css";

}  // namespace rehost
