package io.lockd.client;

/**
 * How the last hold of a name ended.
 *
 * @param end released, transferred, expired, broken or reclaimed
 */
public record Previous(String holder, long token, String end) {}
