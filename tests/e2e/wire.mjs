// A page's connection to the gateway, as a test has it: cut and mended, or losing single messages.

/** Requests that a cut page does not get through. */
const CALLS = /\/(api|socket\.io)\//;

export class Wire {
  #sockets = new Set();
  #isCut = false;
  #loses = () => false;
  /** What was lost on the way to the page, as [event, data]. */
  lost = [];

  /** Takes hold of a page's connection. The page is loaded again, since sockets that are open cannot be held. */
  static async of(page) {
    const wire = new Wire();
    await page.routeWebSocket(/\/socket\.io\//, (socket) => wire.#carry(socket));
    await page.route(CALLS, (route) => (wire.#isCut ? route.abort("internetdisconnected") : route.fallback()));
    await page.reload();
    return wire;
  }

  /** Ends all connections, and lets none begin. */
  async cut() {
    this.#isCut = true;
    await Promise.all([...this.#sockets].map((socket) => socket.close()));
  }

  mend() {
    this.#isCut = false;
  }

  /** From now on the page does not get the messages that are like this. */
  lose(isLost) {
    this.#loses = isLost;
  }

  #carry(socket) {
    if (this.#isCut) {
      void socket.close();
      return;
    }
    this.#sockets.add(socket);
    const server = socket.connectToServer();
    socket.onClose((code, reason) => {
      this.#sockets.delete(socket);
      void server.close({ code, reason });
    });
    server.onMessage((message) => {
      // Socket.IO: 4 is a message, 2 an event, whose name and data follow.
      const event = typeof message === "string" && message.startsWith("42") ? JSON.parse(message.slice(2)) : null;
      if (event && this.#loses(...event)) this.lost.push(event);
      else socket.send(message);
    });
  }
}

/** Lets a page have no websocket: the handshake is refused, as many a school's proxy refuses it. */
export async function withoutWebSockets(page) {
  await page.addInitScript(() => {
    window.WebSocket = class extends WebSocket {
      constructor() {
        super(`ws://${location.host}/no-socket-here`);
      }
    };
  });
  await page.reload();
}
