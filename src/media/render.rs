//! Where files are made of recordings.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::converter::{Converter, Seat};
use super::pipe::Limits;
use super::sound::{Recording, Sound};
use super::wav::Layout;
use super::zip::Entry;
use super::{ByteStream, Download, Format, MediaError, MediaSettings, Vault, cav, name, pipe, vox, zip};
use crate::records::Record;

/// A converted sound may differ by so much from the length that it should have, in bytes: a tenth of a second, which
/// a resampler's filter may keep to itself. It is cut, or filled with silence.
const TOLERANCE: u64 = 1600;

/// Makes files of recordings, a bounded number at once over the process. Clones are one renderer.
///
/// What it gives is a file of which all sources were found, looked at, and of which the first piece is made: whatever
/// is wrong is an error before the file begins, unless it happens later. A place among the exports and all that works
/// for a file is let go when its content has been read, is dropped, or takes too long.
#[derive(Clone, Debug)]
pub struct Renderer {
    vault: Vault,
    settings: Arc<MediaSettings>,
    places: Arc<Semaphore>,
    converter: Converter,
}

impl Renderer {
    /// A renderer for the recordings of a store.
    #[must_use]
    pub fn new(vault: Vault, settings: &MediaSettings) -> Self {
        Self {
            vault,
            settings: Arc::new(settings.clone()),
            places: Arc::new(Semaphore::new(settings.max_exports)),
            converter: Converter::new(settings.max_conversions, settings.patience, settings.timeout),
        }
    }

    /// How many recordings one request may name.
    #[must_use]
    pub fn max_recordings(&self) -> usize {
        self.settings.max_recordings
    }

    /// How many more files may be begun now.
    #[cfg(test)]
    pub(super) fn free_places(&self) -> usize {
        self.places.available_permits()
    }

    /// One recording as it was made, in this format. A password encrypts it, and only [`Format::Cav`] can be.
    ///
    /// # Errors
    /// [`MediaError::NotFound`] if its file is missing or holds no sound that can be read;
    /// [`MediaError::Unavailable`] if there is no place in time, or the store or a program fails;
    /// [`MediaError::Invalid`] for a password where there is no encryption.
    pub async fn one(
        &self,
        record: &Record,
        format: Format,
        password: Option<&str>,
    ) -> Result<Download, MediaError> {
        if password.is_some() && format != Format::Cav {
            return Err(MediaError::Invalid("only CAV files can be encrypted".into()));
        }
        let place = self.place().await?;
        let recording = Recording::find(&self.vault, record).await?;
        let seat = self.seat(format, [&recording]).await?;
        let job = Job { renderer: self.clone(), format, seat };
        let (content, length) =
            job.encode(recording.sound(&self.vault), about(record), password.map(str::to_owned)).await?;
        let file_name = format.file_name(&name::stem(record)).into_owned();
        self.download(format.content_type(), file_name, length, content, place).await
    }

    /// Several recordings one after the other as one sound, in this order; 8000 Hz, one channel.
    ///
    /// # Errors
    /// As for [`Renderer::one`]; [`MediaError::Invalid`] for no recordings, or if they are too long for one WAV file.
    pub async fn combined(&self, records: &[Record], format: Format) -> Result<Download, MediaError> {
        self.check(records)?;
        let place = self.place().await?;
        let recordings = Recording::find_all(&self.vault, records).await?;
        let is_other = |recording: &&Recording| !recording.head.layout.is_plain();
        // one of another kind must go through a program, even if that comes before MP3
        let seat = self.seat(format, recordings.iter().filter(is_other)).await?;
        let seat = match seat {
            None if recordings.iter().any(|recording| is_other(&recording)) => {
                Some(self.converter.seat().await?)
            }
            seat => seat,
        };
        let job = Job { renderer: self.clone(), format, seat };
        let about = serde_json::Value::Array(records.iter().map(about).collect());
        let (content, length) = job.encode(job.join(recordings), about, None).await?;
        let file_name = format.file_name(&name::joint_stem(records)).into_owned();
        self.download(format.content_type(), file_name, length, content, place).await
    }

    /// Several recordings as files of a ZIP archive, in this order, in this format.
    ///
    /// # Errors
    /// As for [`Renderer::one`]; [`MediaError::Invalid`] for no recordings.
    pub async fn zipped(&self, records: &[Record], format: Format) -> Result<Download, MediaError> {
        self.check(records)?;
        let place = self.place().await?;
        let recordings = Recording::find_all(&self.vault, records).await?;
        let seat = self.seat(format, &recordings).await?;
        let job = Arc::new(Job { renderer: self.clone(), format, seat });
        let entries = entries(records, &recordings, format);
        let mut files: Vec<_> = recordings.into_iter().zip(records.iter().map(about)).collect();
        // the first one shows whether the format can be made at all
        let first = files.first().cloned().map(|(recording, about)| job.clone().file(recording, about));
        let mut first = match first {
            Some(first) => Some(first.await?),
            None => None,
        };
        let open = move |at: usize| {
            let (job, first) = (job.clone(), first.take());
            let next = files.get_mut(at).map(|(recording, about)| (recording.clone(), about.take()));
            async move {
                match (first, next) {
                    (Some(first), _) => Ok(first),
                    (None, Some((recording, about))) => job.file(recording, about).await,
                    (None, None) => Ok(stream::empty().boxed()),
                }
            }
        };
        let file_name = format!("{}.zip", name::joint_stem(records));
        self.download("application/zip", file_name, None, zip::archive(entries, open), place).await
    }

    fn check(&self, records: &[Record]) -> Result<(), MediaError> {
        match records.len() {
            0 => Err(MediaError::Invalid("no recording is named".into())),
            many if many > self.max_recordings() => Err(MediaError::Invalid(format!(
                "{many} recordings are named, and one request may name {}",
                self.max_recordings()
            ))),
            _ => Ok(()),
        }
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, MediaError> {
        match timeout(self.settings.patience, self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(MediaError::Unavailable(format!(
                "overloaded: {} files are being handed out, which is the limit, and none was done within {:?}: try \
                 again later",
                self.settings.max_exports, self.settings.patience
            ))),
        }
    }

    /// A place among the conversions, if the format needs a program for these recordings.
    async fn seat<'a>(
        &self,
        format: Format,
        recordings: impl IntoIterator<Item = &'a Recording>,
    ) -> Result<Option<Seat>, MediaError> {
        let needs = match format {
            Format::Mp3 => true,
            Format::Vox => recordings.into_iter().any(|recording| !recording.head.layout.is_plain()),
            Format::Wav | Format::Cav => false,
        };
        if needs { self.converter.seat().await.map(Some) } else { Ok(None) }
    }

    async fn download(
        &self,
        content_type: &'static str,
        file_name: String,
        length: Option<u64>,
        content: ByteStream,
        place: OwnedSemaphorePermit,
    ) -> Result<Download, MediaError> {
        let limits = Limits { piece: self.settings.timeout, whole: self.settings.max_time };
        let content = pipe::run(file_name.clone(), content, limits, place).await?;
        Ok(Download { content_type, file_name, length, content })
    }
}

/// What a CAV file tells of a recording.
fn about(record: &Record) -> serde_json::Value {
    serde_json::to_value(record).unwrap_or_default()
}

fn entries(records: &[Record], recordings: &[Recording], format: Format) -> Vec<Entry> {
    let stems = records.iter().map(|record| (name::stem(record), format.extension()));
    let names = zip::unique(stems);
    let entry = |((name, record), recording): ((String, &Record), &Recording)| Entry {
        name,
        time: record.started,
        most: recording.head.sound.end,
        deflate: matches!(format, Format::Wav | Format::Vox),
    };
    names.into_iter().zip(records).zip(recordings).map(entry).collect()
}

/// A file that is being made.
struct Job {
    renderer: Renderer,
    format: Format,
    seat: Option<Seat>,
}

impl Job {
    /// One recording as a file of its own.
    async fn file(
        self: Arc<Self>,
        recording: Recording,
        about: serde_json::Value,
    ) -> Result<ByteStream, MediaError> {
        let sound = recording.sound(&self.renderer.vault);
        self.encode(sound, about, None).await.map(|(content, _)| content)
    }

    /// Sound in the format, and the size of that where it is known.
    async fn encode(
        &self,
        sound: Sound,
        about: serde_json::Value,
        password: Option<String>,
    ) -> Result<(ByteStream, Option<u64>), MediaError> {
        match self.format {
            Format::Wav => sound.into_wav().map(|(wav, length)| (wav, Some(length))),
            Format::Vox => {
                let sound = self.plain(sound).await?;
                Ok((vox::encode(sound.content), Some(vox::length(sound.length))))
            }
            Format::Mp3 => {
                let (wav, _) = sound.into_wav()?;
                let mp3 = self.convert("media.mp3_command", &self.renderer.settings.mp3_command, wav).await?;
                Ok((mp3, None))
            }
            Format::Cav => {
                let (wav, length) = sound.into_wav()?;
                cav::seal(wav, length, about, password.as_deref()).await
            }
        }
    }

    /// All sounds as one, each opened when its turn comes.
    fn join(&self, recordings: Vec<Recording>) -> Sound {
        let plain =
            |r: &Recording| Sound::plain_length(&r.head.layout, r.head.sound.end - r.head.sound.start);
        let length = recordings.iter().map(plain).sum();
        let job =
            Arc::new(Self { renderer: self.renderer.clone(), format: self.format, seat: self.seat.clone() });
        let sounds = stream::iter(recordings).then(move |recording| {
            let job = job.clone();
            async move { job.plain(recording.sound(&job.renderer.vault)).await.map(|sound| sound.content) }
        });
        Sound { layout: Layout::plain(), length, content: sounds.try_flatten().boxed() }
    }

    /// Sound as 16 bit, 8000 Hz, one channel.
    async fn plain(&self, sound: Sound) -> Result<Sound, MediaError> {
        if sound.layout.is_plain() {
            return Ok(sound);
        }
        let length = Sound::plain_length(&sound.layout, sound.length);
        let (wav, _) = sound.into_wav()?;
        let bare = self.convert("media.pcm_command", &self.renderer.settings.pcm_command, wav).await?;
        let content = pipe::about("the converted sound".into(), bare, length, TOLERANCE);
        Ok(Sound { layout: Layout::plain(), length, content })
    }

    async fn convert(
        &self,
        key: &'static str,
        command: &[String],
        wav: ByteStream,
    ) -> Result<ByteStream, MediaError> {
        match &self.seat {
            Some(seat) => seat.run(key, command, wav).await,
            None => self.renderer.converter.seat().await?.run(key, command, wav).await,
        }
    }
}
