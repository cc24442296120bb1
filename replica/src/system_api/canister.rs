//! Functions about the canister itself: its id, subnet, status, controllers, certified data, and
//! environment variables.

use super::functions::*;
use super::{Pointer, SystemResult, contract, copy_from_host, enter, heap_at, link_bytes, read};
use crate::limits::{CERTIFIED_DATA_BYTES_MAX, ENVIRONMENT_VARIABLE_BYTES_MAX};
use crate::system_api::Host;
use candid::Principal;
use wasmtime::{Caller, Linker};

type C<'a> = Caller<'a, Host>;

pub(super) fn link<P: Pointer>(linker: &mut Linker<Host>) -> SystemResult<()> {
    link_identity::<P>(linker)?;
    link_state::<P>(linker)?;
    link_variables::<P>(linker)
}

fn link_identity<P: Pointer>(linker: &mut Linker<Host>) -> SystemResult<()> {
    link_bytes::<P>(linker, CANISTER_SELF_SIZE, CANISTER_SELF_COPY, |host| {
        host.input.environment.canister.as_slice()
    })?;
    link_bytes::<P>(linker, SUBNET_SELF_SIZE, SUBNET_SELF_COPY, |host| {
        host.input.environment.subnet.as_slice()
    })?;
    linker.func_wrap("ic0", SUBNET_SELF_NODE_COUNT.name, |mut c: C<'_>| {
        enter(&mut c, SUBNET_SELF_NODE_COUNT, 0)?;
        Ok(c.data().input.environment.prices.nodes() as u32)
    })?;
    link_bytes::<P>(linker, ROOT_KEY_SIZE, ROOT_KEY_COPY, |host| {
        host.input.environment.root_key.public_key_der()
    })?;
    linker.func_wrap("ic0", IS_CONTROLLER.name, |mut c: C<'_>, src: P, size: P| {
        enter(&mut c, IS_CONTROLLER, size.wide())?;
        let (principal, host) = heap_at(&mut c, src.wide(), size.wide())?;
        let principal = Principal::try_from_slice(principal)
            .map_err(|error| contract(format!("the bytes are not a principal: {error}")))?;
        Ok(u32::from(host.input.environment.controllers.contains(&principal)))
    })?;
    Ok(())
}

fn link_state<P: Pointer>(linker: &mut Linker<Host>) -> SystemResult<()> {
    linker.func_wrap("ic0", CANISTER_STATUS.name, |mut c: C<'_>| {
        enter(&mut c, CANISTER_STATUS, 0)?;
        Ok(c.data().input.run_state as u32)
    })?;
    linker.func_wrap("ic0", CANISTER_VERSION.name, |mut c: C<'_>| {
        enter(&mut c, CANISTER_VERSION, 0)?;
        Ok(c.data().input.version)
    })?;
    linker.func_wrap("ic0", IN_REPLICATED_EXECUTION.name, |mut c: C<'_>| {
        enter(&mut c, IN_REPLICATED_EXECUTION, 0)?;
        Ok(u32::from(c.data().input.entry_point.is_replicated()))
    })?;
    linker.func_wrap("ic0", CERTIFIED_DATA_SET.name, |mut c: C<'_>, src: P, size: P| {
        enter(&mut c, CERTIFIED_DATA_SET, size.wide())?;
        if size.wide() > CERTIFIED_DATA_BYTES_MAX as u64 {
            return Err(contract(format!(
                "certified data may have at most {CERTIFIED_DATA_BYTES_MAX} bytes"
            )));
        }
        let data = read(&mut c, src.wide(), size.wide())?;
        c.data_mut().effects.certified_data = Some(data);
        Ok(())
    })?;
    link_certificate::<P>(linker)
}

fn link_certificate<P: Pointer>(linker: &mut Linker<Host>) -> SystemResult<()> {
    linker.func_wrap("ic0", DATA_CERTIFICATE_PRESENT.name, |mut c: C<'_>| {
        enter(&mut c, DATA_CERTIFICATE_PRESENT, 0)?;
        Ok(u32::from(c.data().input.data_certificate.is_some()))
    })?;
    linker.func_wrap("ic0", DATA_CERTIFICATE_SIZE.name, |mut c: C<'_>| {
        enter(&mut c, DATA_CERTIFICATE_SIZE, 0)?;
        Ok(P::of(data_certificate(c.data())?.len()))
    })?;
    linker.func_wrap(
        "ic0",
        DATA_CERTIFICATE_COPY.name,
        |mut c: C<'_>, dst: P, offset: P, size: P| {
            enter(&mut c, DATA_CERTIFICATE_COPY, size.wide())?;
            copy_from_host(&mut c, (dst, offset, size), data_certificate)
        },
    )?;
    Ok(())
}

fn data_certificate(host: &Host) -> SystemResult<&[u8]> {
    let certificate = host.input.data_certificate.as_ref();
    certificate
        .map(|certificate| certificate.as_slice())
        .ok_or_else(|| contract("there is no data certificate"))
}

fn link_variables<P: Pointer>(linker: &mut Linker<Host>) -> SystemResult<()> {
    linker.func_wrap("ic0", ENV_VAR_COUNT.name, |mut c: C<'_>| {
        enter(&mut c, ENV_VAR_COUNT, 0)?;
        Ok(P::of(c.data().input.environment.variables.len()))
    })?;
    linker.func_wrap("ic0", ENV_VAR_NAME_SIZE.name, |mut c: C<'_>, index: P| {
        enter(&mut c, ENV_VAR_NAME_SIZE, 0)?;
        Ok(P::of(name_at(c.data(), index.wide())?.len()))
    })?;
    linker.func_wrap(
        "ic0",
        ENV_VAR_NAME_COPY.name,
        |mut c: C<'_>, index: P, dst: P, offset: P, size: P| {
            enter(&mut c, ENV_VAR_NAME_COPY, size.wide())?;
            copy_from_host(&mut c, (dst, offset, size), |host| {
                Ok(name_at(host, index.wide())?.as_bytes())
            })
        },
    )?;
    linker.func_wrap("ic0", ENV_VAR_NAME_EXISTS.name, |mut c: C<'_>, src: P, size: P| {
        enter(&mut c, ENV_VAR_NAME_EXISTS, 0)?;
        let name = read_name(&mut c, src, size)?;
        Ok(u32::from(c.data().input.environment.variables.contains_key(&name)))
    })?;
    linker.func_wrap("ic0", ENV_VAR_VALUE_SIZE.name, |mut c: C<'_>, src: P, size: P| {
        enter(&mut c, ENV_VAR_VALUE_SIZE, 0)?;
        let name = read_name(&mut c, src, size)?;
        Ok(P::of(value_of(c.data(), &name)?.len()))
    })?;
    linker.func_wrap(
        "ic0",
        ENV_VAR_VALUE_COPY.name,
        |mut c: C<'_>, src: P, name_size: P, dst: P, offset: P, size: P| {
            enter(&mut c, ENV_VAR_VALUE_COPY, size.wide())?;
            let name = read_name(&mut c, src, name_size)?;
            copy_from_host(
                &mut c,
                (dst, offset, size),
                |host| Ok(value_of(host, &name)?.as_bytes()),
            )
        },
    )?;
    Ok(())
}

fn name_at(host: &Host, index: u64) -> SystemResult<&str> {
    usize::try_from(index)
        .ok()
        .and_then(|index| host.input.environment.variables.keys().nth(index))
        .map(String::as_str)
        .ok_or_else(|| contract(format!("there is no environment variable number {index}")))
}

fn value_of<'a>(host: &'a Host, name: &str) -> SystemResult<&'a str> {
    let value = host.input.environment.variables.get(name);
    value
        .map(String::as_str)
        .ok_or_else(|| contract(format!("there is no environment variable named '{name}'")))
}

fn read_name<P: Pointer>(c: &mut C<'_>, src: P, size: P) -> SystemResult<String> {
    if size.wide() > ENVIRONMENT_VARIABLE_BYTES_MAX as u64 {
        return Err(contract(format!(
            "the name of an environment variable may have at most \
             {ENVIRONMENT_VARIABLE_BYTES_MAX} bytes"
        )));
    }
    let name = read(c, src.wide(), size.wide())?;
    String::from_utf8(name)
        .map_err(|_| contract("the name of an environment variable must be UTF-8"))
}
