package io.lockd.client;

import java.time.Duration;
import java.util.Optional;

/**
 * An operator's request that the holder hands the lease over.
 *
 * @param to the holder label that should get the lease; "": the holder chooses
 * @param within how much time is left for it; empty: there is no time limit
 */
public record StepDown(String to, Optional<Duration> within) {}
