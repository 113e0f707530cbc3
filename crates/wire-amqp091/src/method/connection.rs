//! Class connection: the handshake, limits, alarms and the end of a connection. All on channel 0.

class! { 10
    /// Server → client: what the server is and how one may log in.
    Start<'a> = 10 "connection.start" {
        /// 0.
        version_major: octet,
        /// 9.
        version_minor: octet,
        /// Product, version, capabilities, ….
        server_properties: table,
        /// SASL mechanisms, separated by spaces.
        mechanisms: longstr<'a>,
        /// Message locales, separated by spaces.
        locales: longstr<'a>,
    }
    /// Client → server: who logs in and how.
    StartOk<'a> = 11 "connection.start-ok" {
        /// Product, version, capabilities, connection name, ….
        client_properties: table,
        /// The SASL mechanism chosen.
        mechanism: shortstr<'a>,
        /// The mechanism's first response.
        response: secret<'a>,
        /// The message locale chosen.
        locale: shortstr<'a>,
    }
    /// Server → client: the SASL mechanism wants more.
    Secure<'a> = 20 "connection.secure" {
        /// The mechanism's challenge.
        challenge: longstr<'a>,
    }
    /// Client → server: the answer to a challenge.
    SecureOk<'a> = 21 "connection.secure-ok" {
        /// The mechanism's response.
        response: secret<'a>,
    }
    /// Server → client: the limits that it proposes.
    Tune = 30 "connection.tune" {
        /// The highest channel number; 0 for no limit.
        channel_max: short,
        /// The largest frame in bytes; 0 for no limit.
        frame_max: long,
        /// Seconds between signs of life; 0 for none.
        heartbeat: short,
    }
    /// Client → server: the limits that hold.
    TuneOk = 31 "connection.tune-ok" {
        /// The highest channel number.
        channel_max: short,
        /// The largest frame in bytes.
        frame_max: long,
        /// Seconds between signs of life; 0 for none.
        heartbeat: short,
    }
    /// Client → server: enter a virtual host.
    Open<'a> = 40 "connection.open" {
        /// Its name.
        virtual_host: shortstr<'a>,
        /// Reserved; once capabilities.
        reserved_1: shortstr<'a>,
        /// Reserved; once insist.
        reserved_2: bit,
    }
    /// Server → client: the connection may be used.
    OpenOk<'a> = 41 "connection.open-ok" {
        /// Reserved; once known hosts.
        reserved_1: shortstr<'a>,
    }
    /// Either way: the connection ends.
    Close<'a> = 50 "connection.close" {
        /// See [`crate::Code`].
        reply_code: short,
        /// The code's name and an explanation.
        reply_text: shortstr<'a>,
        /// The class of the method that failed, or 0.
        class_id: short,
        /// The method that failed, or 0.
        method_id: short,
    }
    /// Either way: the end was noticed.
    CloseOk = 51 "connection.close-ok" {}
    /// Server → client: publishers are being held back.
    Blocked<'a> = 60 "connection.blocked" {
        /// Why: `low on memory`.
        reason: shortstr<'a>,
    }
    /// Server → client: publishers go on.
    Unblocked = 61 "connection.unblocked" {}
    /// Client → server: a fresh token for a connection whose old one expires.
    UpdateSecret<'a> = 70 "connection.update-secret" {
        /// The token.
        new_secret: secret<'a>,
        /// Why, for the log.
        reason: shortstr<'a>,
    }
    /// Server → client: the fresh token holds.
    UpdateSecretOk = 71 "connection.update-secret-ok" {}
}
