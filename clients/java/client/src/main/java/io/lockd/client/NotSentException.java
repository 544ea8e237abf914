package io.lockd.client;

import java.io.IOException;

/** Nothing was sent. */
final class NotSentException extends IOException {
  private static final long serialVersionUID = 1;

  NotSentException(String message, Throwable cause) {
    super(message, cause);
  }
}
