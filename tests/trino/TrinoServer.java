import io.trino.server.Server;

import java.io.IOException;

/** Runs a Trino server for as long as standard input is open: it ends with the process that started it. */
public final class TrinoServer
{
    private TrinoServer() {}

    public static void main(String[] arguments)
    {
        Thread parent = new Thread(TrinoServer::exitAfterParent, "parent");
        parent.setDaemon(true);
        parent.start();
        new Server().start(arguments[0]);
    }

    private static void exitAfterParent()
    {
        try {
            while (System.in.read() >= 0) {
                // nothing is ever said
            }
        }
        catch (IOException ended) {
            // the same as its end
        }
        Runtime.getRuntime().halt(0);
    }
}
