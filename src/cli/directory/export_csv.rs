//! The rows of one kind as CSV.

use csv::{Writer, WriterBuilder};

use super::cells::phones_of;
use super::columns::Kind;
use super::export::{Broken, Out, page};
use crate::directory::entity::User;
use crate::directory::store::Read;
use crate::route::list;

/// Writes the rows of one kind behind a line that names the columns.
pub(super) async fn write(read: &mut Read<'_>, kind: Kind, out: &mut Out) -> Result<(), Broken> {
    let mut csv = WriterBuilder::new().from_writer(out);
    let columns = if kind == Kind::Phones { &["PHONEID", "AGENTID"] } else { kind.columns() };
    row(&mut csv, columns)?;
    match kind {
        Kind::Devices => devices(read, &mut csv).await?,
        Kind::Users => {
            for user in read.all_users().await? {
                row(&mut csv, &of_user(&user)?)?;
            }
        }
        Kind::Phones => {
            for user in read.all_users().await? {
                let id = user.id.to_string();
                user.phones.iter().try_for_each(|phone| row(&mut csv, &[phone, &id]))?;
            }
        }
        Kind::Stations => {
            for station in read.stations().await? {
                row(&mut csv, &[&station.name, &station.device, &station.location.to_string()])?;
            }
        }
        Kind::Locations => {
            for location in read.locations().await? {
                row(&mut csv, &[&location.id.to_string(), &location.name, &location.site])?;
            }
        }
    }
    Ok(csv.flush()?)
}

async fn devices(read: &mut Read<'_>, csv: &mut Writer<&mut Out>) -> Result<(), Broken> {
    let mut last = String::new();
    loop {
        let devices = page(read, &last).await?;
        let Some(end) = devices.last() else { return Ok(()) };
        last.clone_from(&end.id);
        for device in &devices {
            row(csv, &[&device.id, &device.alias, &device.site, &list(&device.cores)])?;
        }
    }
}

fn of_user(user: &User) -> Result<[String; 13], Broken> {
    Ok([
        user.id.to_string(),
        user.username.clone(),
        user.employee_id.clone(),
        user.first_name.clone(),
        user.last_name.clone(),
        user.is_agent.to_string().to_uppercase(),
        user.status.letter().into(),
        user.sys_user.clone(),
        user.sys_domain.clone(),
        user.email.clone(),
        user.crm_user.clone(),
        user.site_id.clone(),
        phones(user)?,
    ])
}

/// A list of phones, if it can be read back.
fn phones(user: &User) -> Result<String, Broken> {
    let text = user.phones.join(",");
    if phones_of(&text) == user.phones {
        return Ok(text);
    }
    let why = format!(
        "the phones of user {} hold commas or spaces: export them as JSON, or --kind phones",
        user.id
    );
    Err(Broken::Unwritable(why))
}

fn row<T: AsRef<[u8]>>(csv: &mut Writer<&mut Out>, values: &[T]) -> Result<(), Broken> {
    Ok(csv.write_record(values).map_err(std::io::Error::from)?)
}
