//! The client of the schedule: it polls, tries to switch, reads slowly, and gives up now and then.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::StatusCode;

use super::Dice;
use crate::support::{Client, Got, SEPARATOR, Server, settle};

type Polled = Pin<Box<dyn Future<Output = (StatusCode, String)>>>;

/// Where a websocket is that is to carry the session.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Opened,
    Asked,
    Answered,
    Carries,
}

pub(crate) struct Side {
    sid: String,
    poll: Option<Polled>,
    websocket: Option<(Client, Stage)>,
    pub(crate) gone: bool,
    /// What came, as a poll brings it.
    pub(crate) arrived: Vec<String>,
    /// What was said by what the server has taken, or may have.
    pub(crate) said: Vec<String>,
}

pub(crate) fn as_polled(data: &[u8]) -> String {
    format!("b{}", BASE64_STANDARD.encode(data))
}

impl Side {
    pub(crate) async fn begin(server: &Server, dice: &mut Dice) -> Self {
        let mut side = Self {
            sid: String::new(),
            poll: None,
            websocket: None,
            gone: false,
            arrived: Vec::new(),
            said: Vec::new(),
        };
        if dice.one_in(3) {
            let buffer = 64 + dice.below(16_000) as usize;
            let mut client = server.websocket("", buffer);
            client.text().await;
            side.websocket = Some((client, Stage::Carries));
        } else {
            side.sid = server.open().await;
        }
        side
    }

    pub(crate) async fn step(&mut self, server: &Server, dice: &mut Dice) {
        if self.gone {
            return;
        }
        let carries = matches!(self.websocket, Some((_, Stage::Carries)));
        match dice.below(12) {
            0 | 1 => self.say(server, dice).await,
            2..5 if !carries => self.begin_poll(server),
            5 | 6 if !carries => self.look(server).await,
            7 | 8 if !carries => self.switch(server, dice).await,
            9 if !carries && dice.one_in(10) => self.websocket = None,
            10 if dice.one_in(60) => self.go(),
            11 if dice.one_in(60) => self.poll = None,
            _ if carries => drop(self.read(dice.below(20_000) as usize).await),
            _ => {}
        }
    }

    /// The connections are cut.
    pub(crate) fn go(&mut self) {
        self.gone = true;
        self.poll = None;
        self.websocket = None;
    }

    async fn say(&mut self, server: &Server, dice: &mut Dice) {
        let text = format!("said {}", self.said.len());
        self.said.push(text.clone());
        match &mut self.websocket {
            Some((client, Stage::Carries)) => {
                client.send(&format!("4{text}")).await;
                if dice.one_in(3) {
                    settle().await;
                }
            }
            _ => {
                let (status, _) = server.post(&self.sid, &format!("4{text}")).await;
                if status != StatusCode::OK {
                    self.said.pop();
                }
            }
        }
    }

    fn begin_poll(&mut self, server: &Server) {
        if self.poll.is_none() {
            let (server, sid) = (server.clone(), self.sid.clone());
            self.poll = Some(Box::pin(async move { server.poll(&sid).await }));
        }
    }

    /// Whether the poll has been answered; what was.
    async fn look(&mut self, server: &Server) {
        let Some(poll) = &mut self.poll else { return };
        let polled = poll_fn(|cx| Poll::Ready(poll.as_mut().poll(cx))).await;
        if let Poll::Ready((status, body)) = polled {
            self.poll = None;
            if status == StatusCode::OK {
                self.take(server, &body).await;
            }
        }
    }

    async fn take(&mut self, server: &Server, body: &str) {
        for packet in body.split(SEPARATOR) {
            match packet {
                "1" | "6" => {}
                "2" => drop(server.post(&self.sid, "3").await),
                message => self.arrived.push(message.to_owned()),
            }
        }
    }

    /// The next step of the switch.
    async fn switch(&mut self, server: &Server, dice: &mut Dice) {
        let Some((client, stage)) = &mut self.websocket else {
            let buffer = 64 + dice.below(16_000) as usize;
            let client = server.websocket(&format!("&sid={}", self.sid), buffer);
            self.websocket = Some((client, Stage::Opened));
            return;
        };
        match stage {
            Stage::Opened => {
                client.send("2probe").await;
                *stage = Stage::Asked;
            }
            Stage::Asked => match client.next().await {
                Some(Got::Text(text)) if text == "3probe" => *stage = Stage::Answered,
                _ => self.websocket = None,
            },
            Stage::Answered if self.poll.is_some() && !dice.one_in(3) => self.look(server).await,
            Stage::Answered => {
                client.send("5").await;
                *stage = Stage::Carries;
                settle().await;
                // Whatever it brings was sent before.
                self.look(server).await;
            }
            Stage::Carries => {}
        }
        self.fall_back(server).await;
    }

    /// The server has not taken the websocket: the client polls on.
    async fn fall_back(&mut self, server: &Server) {
        use engineioxide::TransportType::Polling;
        let polls = |line: &std::sync::Arc<engineioxide::Line>| line.transport() == Polling;
        if matches!(self.websocket, Some((_, Stage::Carries)))
            && server.lines.all().first().is_some_and(polls)
        {
            self.websocket = None;
        }
    }

    /// Reads so many bytes at most from the websocket, if there are any soon.
    async fn read(&mut self, most: usize) -> bool {
        let Some((client, Stage::Carries)) = &mut self.websocket else {
            return false;
        };
        let taken = {
            let mut take = pin!(client.take(most.max(1)));
            poll_fn(|cx| Poll::Ready(take.as_mut().poll(cx))).await
        };
        while let Some(got) = client.parse() {
            match got {
                Got::Text(text) if text == "2" => client.send("3").await,
                Got::Text(text) => self.arrived.push(text),
                Got::Binary(data) => self.arrived.push(as_polled(&data)),
                Got::Close(_) | Got::Pong(_) => {}
            }
        }
        matches!(taken, Poll::Ready(1..))
    }

    /// Takes all there is.
    pub(crate) async fn take_all(&mut self, server: &Server) {
        if self.gone {
            return;
        }
        loop {
            settle().await;
            let more = match self.websocket {
                Some((_, Stage::Carries)) => self.read(64 * 1024).await,
                _ => {
                    self.begin_poll(server);
                    settle().await;
                    self.look(server).await;
                    self.poll.is_none() && server.ended() == 0
                }
            };
            let gathered = std::time::Duration::from_millis(5);
            if !more {
                tokio::time::sleep(gathered).await;
                let waits = server.lines.all().iter().any(|line| line.waiting() > 0);
                if !waits && !self.read(64 * 1024).await {
                    return;
                }
            }
        }
    }
}
