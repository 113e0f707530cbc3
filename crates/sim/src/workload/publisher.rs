//! A user that publishes.

use wire_amqp091::method::channel;

use crate::client::Heard;
use crate::workload::line::Line;
use crate::workload::{Next, Role, Scene};

/// Publishes with confirms on a few channels.
#[derive(Debug, Default)]
pub(crate) struct Publisher {
    lines: Vec<Line>,
    /// A channel that the user has closed and not heard of since.
    closing: Option<u16>,
    last_channel: u16,
}

impl Publisher {
    fn open(&mut self, scene: &mut Scene<'_>) {
        self.last_channel += 1;
        self.lines.push(Line::open(self.last_channel, scene));
    }

    fn line(&mut self, channel: u16) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| line.channel() == channel)
    }
}

impl Role for Publisher {
    fn begin(&mut self, scene: &mut Scene<'_>) {
        for _ in 0..1 + scene.random.below(3) {
            self.open(scene);
        }
    }

    fn act(&mut self, scene: &mut Scene<'_>) -> Next {
        match scene.random.below(400) {
            0 => return Next::Leave,
            1 => return Next::Break,
            2..5 if self.closing.is_none() => {
                let index = scene.random.below(self.lines.len() as u64) as usize;
                let line = self.lines.remove(index);
                let close = channel::Close { reply_code: 200, ..Default::default() };
                scene.client.ask(line.channel(), &close, channel::CloseOk::ID);
                self.closing = Some(line.channel());
                self.open(scene);
            }
            _ => {
                let index = scene.random.below(self.lines.len() as u64) as usize;
                let line = &mut self.lines[index];
                let count = line.room().min(1 + scene.random.below(6) as usize);
                (0..count).for_each(|_| line.publish(scene));
            }
        }
        Next::Stay
    }

    fn hear(&mut self, heard: Heard, scene: &mut Scene<'_>) {
        match heard {
            Heard::Answered { channel, method: channel::CloseOk::ID, .. } => {
                if self.closing == Some(channel) {
                    self.closing = None;
                }
            }
            Heard::Answered { .. } => {}
            // What was on its way when the channel was closed.
            Heard::Confirmed { channel, .. } | Heard::Returned { channel, .. }
                if self.closing == Some(channel) => {}
            Heard::Confirmed { channel, tag, is_multiple } => match self.line(channel) {
                Some(line) => line.confirmed(scene, tag, is_multiple),
                None => scene.refuse("a confirm on a channel that is closed".to_owned()),
            },
            Heard::Returned { channel, parcel } => match self.line(channel) {
                Some(line) => line.returned(scene, &parcel),
                None => scene.refuse("a message comes back on a closed channel".to_owned()),
            },
            other => scene.refuse(format!("a publisher hears {other:?}")),
        }
    }

    fn waiting(&self) -> Option<String> {
        self.lines.iter().find_map(Line::waiting)
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}
