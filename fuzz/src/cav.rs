//! CAV files: read alike in any pieces, and what is not as it was written is noticed.

use std::io::{self, Read};

use bytes::Bytes;
use corecast::media::cav::{Sealed, seal};
use futures::{FutureExt, StreamExt, TryStreamExt};
use serde_json::{Value, json};

/// What is known of a recording, and its sound.
type Contents = (Value, Vec<u8>);

pub fn check(bytes: &[u8]) {
    let whole = contents(bytes);
    assert_eq!(contents(ByteByByte(bytes)), whole);
    if let Some((about, sound)) = whole {
        assert!(sound.len() + about.to_string().len() <= 8 * bytes.len());
    }
    comes_back_or_is_noticed(bytes);
}

/// The input as sound in a file of its own, and then with one byte changed, and cut short.
fn comes_back_or_is_noticed(sound: &[u8]) {
    let about = json!({"ident": sound.len(), "user1": String::from_utf8_lossy(sound)});
    let file = sealed(sound, about.clone());
    assert_eq!(contents(&file[..]), Some((about, sound.to_vec())));
    let at = sound.iter().fold(0, |at, byte| (at * 31 + usize::from(*byte)) % file.len());
    let mut changed = file.clone();
    changed[at] ^= 1;
    assert_eq!(contents(&changed[..]), None, "byte {at} is another one");
    assert_eq!(contents(&file[..at]), None, "cut at {at}");
}

fn sealed(sound: &[u8], about: Value) -> Vec<u8> {
    let length = u64::try_from(sound.len()).expect("a length");
    let sound = futures::stream::iter([Ok(Bytes::copy_from_slice(sound))]).boxed();
    let file = async {
        let (file, length) = seal(sound, length, about, None).await?;
        let file: Vec<_> = file.try_collect().await?;
        Ok::<_, corecast::media::MediaError>((file.concat(), length))
    };
    let (file, length) = file.now_or_never().expect("it waits for nothing").expect("it can be written");
    assert_eq!(length, u64::try_from(file.len()).ok());
    file
}

/// What stands in an unencrypted file, if all of it is as it was written.
fn contents(file: impl Read) -> Option<Contents> {
    let mut opened = Sealed::read(file).ok()?.open(None).ok()?;
    let mut sound = Vec::new();
    opened.read_to_end(&mut sound).ok()?;
    Some((opened.about().clone(), sound))
}

/// A file that comes in the smallest pieces.
struct ByteByByte<'f>(&'f [u8]);

impl Read for ByteByByte<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(1);
        self.0.read(&mut into[..most])
    }
}
