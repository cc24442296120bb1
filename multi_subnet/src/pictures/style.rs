//! The colours and fonts of pictures.

/// The style sheet of all pictures. A page that has pictures needs it once.
///
/// The colours are those of Okabe and Ito, which the colour-blind tell apart, lighter on a dark ground.
pub const STYLE: &str = "
.picture{--paper:#fff;--ink:#1b1f24;--soft:#59636e;--grid:#d8dee4;--out:#0072b2;--callee:#e69f00;--back:#56b4e9;\
--good:#0072b2;--bad:#c2410c;--bad-ground:#fde3d6;--area:#9ac7e6;--second:#009e73;--third:#cc79a7;\
font:13px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;max-width:100%;height:auto}
@media (prefers-color-scheme:dark){.picture{--paper:#0d1117;--ink:#e6edf3;--soft:#9aa4af;--grid:#30363d;--out:#4aa3df;\
--callee:#f0b429;--back:#8fd0f5;--good:#4aa3df;--bad:#ff8a5c;--bad-ground:#4a2113;--area:#1f5f8b;--second:#3ccf9f;\
--third:#e5a3c8}}
.picture .paper{fill:var(--paper)}
.picture text{fill:var(--ink)}
.picture .title{font-size:16px;font-weight:600}
.picture .message{fill:var(--soft)}
.picture .label,.picture .tick{fill:var(--soft);font-size:12px}
.picture .end{text-anchor:end}
.picture .middle{text-anchor:middle}
.picture .strong{font-weight:600}
.picture .grid{stroke:var(--grid)}
.picture .axis{stroke:var(--soft)}
.picture .out{fill:var(--out)}
.picture .at-callee{fill:var(--callee)}
.picture .back{fill:var(--back)}
.picture .open{fill:var(--third)}
.picture .at-caller{fill:var(--second)}
.picture .good{fill:var(--good)}
.picture .second{fill:var(--second)}
.picture .third{fill:var(--third)}
.picture .lane{fill:var(--grid);opacity:.45}
.picture .sparse{opacity:.4}
.picture .area{fill:var(--area)}
.picture .curve{fill:none;stroke:var(--out);stroke-width:1.5}
.picture .wall{stroke:var(--bad);stroke-width:2;stroke-dasharray:7 4}
.picture .wall-name,.picture .bad-text{fill:var(--bad);font-weight:600}
.picture .bad{stroke:var(--bad);stroke-width:1}
.picture .cross{stroke:var(--bad);stroke-width:2.5;stroke-linecap:round}
.picture .series{fill:none;stroke-width:2}
.picture .series.good{stroke:var(--good)}
.picture .series.second{stroke:var(--second);stroke-dasharray:7 3}
.picture .series.third{stroke:var(--third);stroke-dasharray:2 3}
.picture .hatch-ground{fill:var(--bad-ground)}
.picture .hatch-line{stroke:var(--bad);stroke-width:3}
.picture .story{visibility:hidden;font-size:12.5px}
.picture .hint{fill:var(--soft);font-size:12px;font-style:italic}
.picture .call:hover .story,.picture .call:focus .story{visibility:visible}
.picture .call:focus{outline:none}
.picture .reach{fill:transparent}
.picture .call:hover .reach,.picture .call:focus .reach{stroke:var(--ink);stroke-width:1.5}
.picture:has(.call:hover) .hint,.picture:has(.call:focus) .hint{visibility:hidden}
@media print{.picture{--paper:#fff;--ink:#000;--soft:#333;--grid:#ccc;--out:#0072b2;--callee:#e69f00;--back:#56b4e9;\
--good:#0072b2;--bad:#c2410c;--bad-ground:#fde3d6;--area:#9ac7e6;--second:#009e73;--third:#cc79a7}\
.picture .hint{visibility:hidden}}
";
