package io.lockd.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

/** JSON, there and back. */
class JsonTest {
  @Test
  void whatIsReadIsWrittenAgain() {
    String text = "{\"a\":[1,-2.5,true,false,null,\"x\\\"\\\\\\u000a\\u00e9\"],\"b\":{},\"c\":[],\"d\":9007199254740991}";
    Json j = Json.parse(" " + text + " ");
    assertEquals(9007199254740991L, j.number("d"));
    assertEquals(Json.parse(j.toString()).toString(), j.toString());
    assertEquals("", j.text("nothing"));
    assertEquals(6, j.list("a").size());
  }

  @Test
  void whatIsNoJsonIsRefused() {
    for (String wrong : new String[] {"", "{", "[1", "{\"a\"}", "{\"a\":}", "\"open", "tru", "1 2", "[".repeat(100), "{\"a\":\"\\u12\"}", "-"}) {
      assertThrows(IllegalArgumentException.class, () -> Json.parse(wrong), wrong);
    }
  }
}
