//! Growth of a round's cost with the number of idle canisters on a subnet.
//!
//! `cargo bench --profile dev -p embedded-replica --bench growth`

mod fixture;

use embedded_replica::instance::{Instance, InstanceConfig};
use fixture::{install, medians, micros};

const CANISTERS: [u32; 4] = [10, 100, 1_000, 10_000];

/// Number of measured ticks.
const TICKS: usize = 1_000;

/// An instance with this number of idle canisters on one subnet.
fn instance(canisters: u32, module: &[u8]) -> Instance {
    let mut instance = Instance::new(InstanceConfig::with_application_subnets(1))
        .expect("the configuration is valid");
    let subnet = instance.subnets()[0].place.id;
    (0..canisters).for_each(|_| _ = install(&mut instance, subnet, module));
    instance
}

/// The exponent `e` with which `n` to the power of `e` fits these costs best: the slope of the line through
/// the logarithms, by least squares.
fn exponent(costs: &[(f64, f64)]) -> f64 {
    let logarithms = || costs.iter().map(|(number, cost)| (number.ln(), cost.ln()));
    let count = costs.len() as f64;
    let x = logarithms().map(|(x, _)| x).sum::<f64>() / count;
    let y = logarithms().map(|(_, y)| y).sum::<f64>() / count;
    let covariance: f64 = logarithms().map(|(a, b)| (a - x) * (b - y)).sum();
    covariance / logarithms().map(|(a, _)| (a - x).powi(2)).sum::<f64>()
}

fn main() {
    let module = wat::parse_str("(module)").expect("the text is a module");
    println!("\na tick of one subnet with idle canisters");
    let mut costs = Vec::new();
    for canisters in CANISTERS {
        let mut instance = instance(canisters, &module);
        let [tick] = medians(TICKS, |_| instance.tick());
        println!("  {canisters} canisters: {:.2} us PER ROUND", micros(tick));
        costs.push((f64::from(canisters), micros(tick)));
    }
    println!("  the cost grows as the number of canisters to the power of {:.2}", exponent(&costs));
}
