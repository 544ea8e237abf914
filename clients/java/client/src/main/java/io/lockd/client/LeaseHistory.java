package io.lockd.client;

import java.util.List;

/** The newest events of one name, at most 16, newest first. */
public record LeaseHistory(String name, List<LeaseEvent> events, long revision) {}
