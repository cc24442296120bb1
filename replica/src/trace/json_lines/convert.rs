//! The lines for events.

use super::{Amount, By, ForWhat, Kind, Line, What};
use crate::trace::clock::Stamped;
use crate::trace::{CallId, Drop, Event, Fee, Names, Responder, Work};

/// The line for an event.
pub(super) fn line(stamped: &Stamped<'_>, names: &Names) -> Line {
    let Stamped { event, start, .. } = *stamped;
    let (round, time_ns) = (start.round, start.nanos);
    let call = |call: &CallId| call_name(call, names);
    match event {
        Event::Round { subnet, time } => Line::Round {
            round,
            time_ns,
            subnet: names.of(*subnet),
            network_time_ns: time.as_nanos(),
        },
        Event::Executed { .. } => executed(stamped, names),
        Event::Slice { canister, number, of } => Line::Slice {
            round,
            time_ns,
            duration_ns: stamped.nanos(),
            canister: names.of(*canister),
            number: *number,
            of: *of,
        },
        Event::Sent { call: id, callee, method, cycles, withheld, deadline, .. } => Line::Sent {
            round,
            time_ns,
            call: call(id),
            caller: names.of(id.caller),
            callee: names.of(*callee),
            method: method.clone(),
            cycles: Amount(*cycles),
            set_aside: Amount(*withheld),
            deadline_ns: deadline.map(|time| time.as_nanos()),
        },
        Event::Refused { caller, callee, limit, calls, .. } => Line::Refused {
            round,
            time_ns,
            caller: names.of(*caller),
            callee: names.of(*callee),
            limit: *limit,
            calls: *calls,
        },
        Event::Inducted { call: id } => Line::Inducted { round, time_ns, call: call(id) },
        Event::Responded { call: id, by, reject, refund } => Line::Responded {
            round,
            time_ns,
            call: call(id),
            by: (*by).into(),
            reject: reject.map(|code| format!("{code:?}")),
            refund: Amount(*refund),
        },
        Event::Returned { call: id } => Line::Returned { round, time_ns, call: call(id) },
        Event::Dropped { call: id, what, cycles, credited } => Line::Dropped {
            round,
            time_ns,
            call: call(id),
            what: (*what).into(),
            cycles: Amount(*cycles),
            credited: *credited,
        },
        _ => about_cycles(stamped, names),
    }
}

/// The line for an execution.
fn executed(stamped: &Stamped<'_>, names: &Names) -> Line {
    let Event::Executed { canister, work, result, instructions, fee, accepted, burned, .. } =
        stamped.event
    else {
        unreachable!("only executions are given to this function")
    };
    let (call, reject, refund, unspent) = match work {
        Work::Request(call) => (Some(call), None, None, None),
        Work::Response { call, reject, refund, unspent } => {
            (Some(call), *reject, Some(Amount(*refund)), Some(Amount(*unspent)))
        }
        Work::Ingress(_) | Work::Task => (None, None, None, None),
    };
    Line::Executed {
        round: stamped.start.round,
        time_ns: stamped.start.nanos,
        duration_ns: stamped.nanos(),
        canister: names.of(*canister),
        work: work.into(),
        call: call.map(|call| call_name(call, names)),
        reject: reject.map(|code| format!("{code:?}")),
        error: result.err().map(|error| format!("{error:?}")),
        instructions: *instructions,
        fee: Amount(*fee),
        accepted: Amount(*accepted),
        burned: Amount(*burned),
        refund,
        unspent,
    }
}

/// The line for an event about the cycles of a canister.
fn about_cycles(stamped: &Stamped<'_>, names: &Names) -> Line {
    let (round, time_ns) = (stamped.start.round, stamped.start.nanos);
    match stamped.event {
        Event::Refunded { canister, cycles, arrived } => Line::Refunded {
            round,
            time_ns,
            canister: names.of(*canister),
            cycles: Amount(*cycles),
            arrived: *arrived,
        },
        Event::Credited { canister, cycles } => Line::Credited {
            round,
            time_ns,
            canister: names.of(*canister),
            cycles: Amount(*cycles),
        },
        Event::Charged { canister, fee, cycles } => Line::Charged {
            round,
            time_ns,
            canister: names.of(*canister),
            fee: (*fee).into(),
            cycles: Amount(*cycles),
        },
        Event::Uninstalled { canister } => {
            Line::Uninstalled { round, time_ns, canister: names.of(*canister) }
        }
        Event::Deleted { canister, cycles } => {
            Line::Deleted { round, time_ns, canister: names.of(*canister), cycles: Amount(*cycles) }
        }
        Event::Round { .. }
        | Event::Executed { .. }
        | Event::Slice { .. }
        | Event::Sent { .. }
        | Event::Refused { .. }
        | Event::Inducted { .. }
        | Event::Responded { .. }
        | Event::Returned { .. }
        | Event::Dropped { .. } => unreachable!("these events are not about cycles alone"),
    }
}

/// The name of a call: the name of the caller, and the number of its callback.
fn call_name(call: &CallId, names: &Names) -> String {
    format!("{}/{}", names.of(call.caller), call.callback.0)
}

impl From<&Work> for Kind {
    fn from(work: &Work) -> Self {
        match work {
            Work::Ingress(_) => Self::Ingress,
            Work::Request(_) => Self::Request,
            Work::Response { .. } => Self::Response,
            Work::Task => Self::Task,
        }
    }
}

impl From<Responder> for By {
    fn from(by: Responder) -> Self {
        match by {
            Responder::Callee => Self::Callee,
            Responder::Routing => Self::Routing,
            Responder::Deadline => Self::Deadline,
        }
    }
}

impl From<Drop> for What {
    fn from(what: Drop) -> Self {
        match what {
            Drop::Request => Self::Request,
            Drop::Response => Self::Response,
            Drop::Late => Self::Late,
        }
    }
}

impl From<Fee> for ForWhat {
    fn from(fee: Fee) -> Self {
        match fee {
            Fee::Ingress(_) => Self::Ingress,
            Fee::Installation => Self::Installation,
            Fee::Management => Self::Management,
            Fee::Creation => Self::Creation,
            Fee::Resources => Self::Resources,
            Fee::Uninstall => Self::Uninstall,
            Fee::Outcall => Self::Outcall,
        }
    }
}
