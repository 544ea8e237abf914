package io.lockd.client;

import java.time.Duration;

/**
 * The answer to a break: the node refuses renewals of the hold from now on.
 *
 * @param availableIn when the hold ends at the latest
 */
public record Broken(String name, long token, Duration availableIn, long revision) {}
