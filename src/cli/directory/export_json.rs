//! The whole directory as one JSON document, a row on each line: two exports can be compared line by line, and a
//! fault can be named by its line.

use std::io::Write;

use serde::Serialize;

use super::export::{Broken, Out, page};
use crate::directory::store::Read;

/// Writes all kinds, what others need before those who need it.
pub(super) async fn write(read: &mut Read<'_>, out: &mut Out) -> Result<(), Broken> {
    out.write_all(b"{")?;
    list(out, "", "locations", &read.locations().await?)?;
    devices(read, out).await?;
    list(out, ",", "users", &read.all_users().await?)?;
    list(out, ",", "stations", &read.stations().await?)?;
    list(out, ",", "groups", &read.groups().await?)?;
    list(out, ",", "members", &read.members().await?)?;
    list(out, ",", "roles", &read.roles().await?)?;
    list(out, ",", "role_groups", &read.role_groups().await?)?;
    list(out, ",", "role_permissions", &read.role_permissions().await?)?;
    list(out, ",", "user_roles", &read.user_roles().await?)?;
    list(out, ",", "terminology", &read.terminology().await?)?;
    list(out, ",", "archive_actions", &read.archive_actions().await?)?;
    Ok(out.write_all(b"\n}\n")?)
}

async fn devices(read: &mut Read<'_>, out: &mut Out) -> Result<(), Broken> {
    out.write_all(b",\n\"devices\":[")?;
    let (mut last, mut comma) = (String::new(), "");
    loop {
        let devices = page(read, &last).await?;
        let Some(end) = devices.last() else { break };
        last.clone_from(&end.id);
        rows(out, comma, &devices)?;
        comma = ",";
    }
    Ok(out.write_all(b"\n]")?)
}

fn list<T: Serialize>(out: &mut Out, comma: &str, name: &str, values: &[T]) -> Result<(), Broken> {
    write!(out, "{comma}\n\"{name}\":[")?;
    rows(out, "", values)?;
    Ok(out.write_all(b"\n]")?)
}

fn rows<T: Serialize>(out: &mut Out, mut comma: &str, values: &[T]) -> Result<(), Broken> {
    for value in values {
        writeln!(out, "{comma}")?;
        serde_json::to_writer(&mut *out, value).map_err(std::io::Error::from)?;
        comma = ",";
    }
    Ok(())
}
