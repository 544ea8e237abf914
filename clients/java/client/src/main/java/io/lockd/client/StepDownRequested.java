package io.lockd.client;

/** The answer to a step-down request. The holder learns of the request at its next renewal. */
public record StepDownRequested(String name, String holder, long token, StepDown stepDown, long revision) {}
