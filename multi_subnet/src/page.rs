//! The report as one page: HTML that needs no script and no other file.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::numbers::{capitalised, grouped};
use crate::pictures::words::count;
use crate::pictures::{self, Picture, STYLE};
use crate::recorded::{Recorded, RecordedModule};
use crate::report::BenchmarkReport;
use crate::sweep::Sweep;
use embedded_replica::server::PROTOCOL_VERSION;

/// All packages of this project have the same version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The style of the page around the pictures.
const PAGE_STYLE: &str = "
:root{color-scheme:light dark;--page:#fff;--text:#1b1f24;--faint:#59636e;--rule:#d8dee4;--code:#f4f6f8}
@media (prefers-color-scheme:dark){:root{--page:#0d1117;--text:#e6edf3;--faint:#9aa4af;--rule:#30363d;--code:#161b22}}
body{margin:0 auto;padding:1rem;max-width:50rem;background:var(--page);color:var(--text);line-height:1.5;\
font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}
h1{font-size:1.7rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.25rem;margin:2.2rem 0 .5rem;border-bottom:1px solid var(--rule);padding-bottom:.25rem}
.lead{color:var(--faint);margin:0 0 1rem}
.scroll{overflow-x:auto;margin:.6rem 0}
figure{margin:1rem 0}
figure svg{min-width:40rem;display:block}
figcaption{display:none}
@media screen and (max-width:42rem){figcaption{display:block}}
pre{background:var(--code);padding:.75rem;font-size:13px;line-height:1.45;border-radius:6px;margin:0;width:max-content;\
min-width:calc(100% - 1.5rem)}
code{font-size:.9em;overflow-wrap:anywhere}
table{border-collapse:collapse}
th,td{text-align:left;padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--rule);vertical-align:top}
.number{text-align:right;font-variant-numeric:tabular-nums}
@media print{body{max-width:none}figure,table,pre{break-inside:avoid}.scroll{overflow:visible}figure svg{min-width:0}\
pre{white-space:pre-wrap;width:auto}}
";

/// The page about a run. `command` is the command line that made it.
pub fn page(report: &BenchmarkReport, recorded: &Recorded, command: &str) -> String {
    let title = format!(
        "{} between canisters, in {} ways",
        count(report.calls, "call"),
        report.strategies.len()
    );
    let pictures = pictures::of_run(recorded);
    document(
        &title,
        &html! {
            p class="lead" { (lead(report)) }
            (figure(&pictures, "overview"))
            @for strategy in &report.strategies {
                (about_strategy(strategy.name, &pictures))
            }
            h2 { "Cycles and instructions" }
            (figure(&pictures, "costs"))
            h2 { "The result as printed" }
            div class="scroll" { pre { (report) } }
            (failures(report))
            h2 { "How this was measured" }
            (circumstances(command, &report.server, &recorded.modules, &run_facts(report)))
            h2 { "How to read the pictures" }
            (explanations())
        },
    )
}

/// The page about a sweep. `command` is the command line that made it.
pub fn sweep_page(sweep: &Sweep, modules: &[RecordedModule], command: &str) -> String {
    let pictures = pictures::of_sweep(sweep);
    document(
        "Calls between canisters: where each way wins",
        &html! {
            p class="lead" { "Each way of calling makes several numbers of calls. Both axes are logarithmic." }
            @for (picture, series) in pictures.iter().zip(&sweep.series) {
                h2 { (sweep.heading(series)) }
                (figure(&pictures, &picture.name))
            }
            h2 { "The result as printed" }
            div class="scroll" { pre { (sweep) } }
            h2 { "How this was measured" }
            (circumstances(command, &sweep.server, modules, &[]))
        },
    )
}

/// A page with this title and content.
fn document(title: &str, content: &Markup) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // The page asks for nothing, neither from elsewhere nor from its own server.
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(PAGE_STYLE)) (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                (content)
            }
        }
    };
    format!("{}\n", markup.into_string())
}

fn lead(report: &BenchmarkReport) -> String {
    let place = match report.same_subnet {
        true => "a callee on the same subnet",
        false => "a callee on another subnet",
    };
    format!(
        "A caller canister calls {place}. Times are model time: what the Internet Computer would take."
    )
}

fn figure(pictures: &[Picture], name: &str) -> Markup {
    html! {
        @for picture in pictures.iter().filter(|picture| picture.name == name) {
            figure {
                // On a small screen, the sentence in the picture is too wide to be seen as a whole.
                figcaption { b { (picture.svg.title) } br; (picture.svg.message) }
                div class="scroll" { (picture.svg.element()) }
            }
        }
    }
}

fn about_strategy(name: &str, pictures: &[Picture]) -> Markup {
    html! {
        h2 { (capitalised(name)) }
        (figure(pictures, &format!("{name}-timeline")))
        (figure(pictures, &format!("{name}-open-calls")))
    }
}

/// The failed calls of each strategy by reason.
fn failures(report: &BenchmarkReport) -> Markup {
    let failed = report.strategies.iter().filter(|strategy| strategy.failed > 0);
    let failed: Vec<_> = failed.collect();
    html! {
        @if failed.is_empty() {
            p { "No call failed." }
        } @else {
            table {
                tr { th { "strategy" } th { "reason" } th class="number" { "failed calls" } }
                @for strategy in failed {
                    @match &strategy.failures {
                        Some(reasons) => @for (reason, calls) in reasons {
                            tr {
                                td { (strategy.name) }
                                td { code { (reason) } }
                                td class="number" { (grouped((*calls).into())) }
                            }
                        },
                        None => tr {
                            td { (strategy.name) }
                            td { "the caller does not return the reasons" }
                            td class="number" { (grouped(strategy.failed.into())) }
                        },
                    }
                }
            }
        }
    }
}

/// What only the page of a single run says about its circumstances.
fn run_facts(report: &BenchmarkReport) -> [(&'static str, String); 3] {
    let placement = if report.same_subnet { "one subnet" } else { "two subnets" };
    [
        ("profile", report.profile.into()),
        ("placement", format!("caller and callee on {placement}")),
        ("caller's cycles", format!("{} at the start", grouped(report.caller_cycles))),
    ]
}

fn circumstances(
    command: &str,
    server: &str,
    modules: &[RecordedModule],
    more: &[(&str, String)],
) -> Markup {
    let replica =
        format!("embedded (embedded-replica {VERSION}, protocol of PocketIC {PROTOCOL_VERSION})");
    let server = if server == "embedded" { replica.as_str() } else { server };
    html! {
        div class="scroll" {
            table {
                tr { th { "command" } td { code { (command) } } }
                tr { th { "program" } td { "multi_subnet " (VERSION) } }
                tr { th { "server" } td { (server) } }
                @for (name, value) in more { tr { th { (name) } td { (value) } } }
                @for module in modules {
                    tr {
                        th { "module of the " (module.name) }
                        td { (grouped(module.bytes as u128)) " bytes, SHA-256 " code { (module.sha256) } }
                    }
                }
            }
        }
    }
}

fn explanations() -> Markup {
    html! {
        ul {
            li { "A " b { "round" } " of a subnet takes half a second. A message needs two rounds to another subnet, so a \
                call and its response take two seconds." }
            li { b { "Sequential" } " calls form a staircase: each waits for the response to the call before." }
            li { b { "Parallel" } " calls form a block: all wait together. Beyond a wall, the system refuses calls at once." }
            li { b { "Windowed" } " calls come in waves: a response makes room for the next call, so no call meets a wall." }
            li { "The " b { "walls" } " are limits for open calls: 500 from one canister to another, the cycles that the \
                system sets aside for each open call, and the callbacks of a subnet." }
        }
    }
}
