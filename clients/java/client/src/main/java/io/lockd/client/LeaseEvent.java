package io.lockd.client;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * One change of one lease.
 *
 * @param type state, synced, acquired, released, expired, broken, transferred, delayed, free, …
 * @param at when it happened, for people; the client does not use it
 * @param cause acquired: how the last hold ended; delayed, free: what ended the hold
 * @param held the end of a hold: how long it lasted
 * @param lease the state of the lease, with type "state"
 */
public record LeaseEvent(
    String type, long revision, Optional<Instant> at, String name, String holder, long token, String cause, String reason, String by, String to,
    Optional<Duration> held, Optional<LeaseState> lease) {}
