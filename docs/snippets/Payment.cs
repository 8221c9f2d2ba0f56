// Payment.exe HOST PORT DEVICE: silence a call while a card number is given. Over the API socket; .NET, or Mono 6.

using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Security;
using System.Text;
using System.Threading;
using System.Xml;

/// One connection to the API socket; it is made anew when it is lost.
class Recorders
{
    // Answers after which the same may be said again with hope. null: no answer, so nobody knows whether it was done.
    static readonly string[] Again =
        { null, "API_PARTIAL_CORE_RESPONSE", "API_ERROR_RECORDER_NOT_RUNNING", "API_ERROR_PROCESSING_MESSAGE" };

    readonly string host;
    readonly int port;
    TcpClient client;
    StreamReader reader;
    int requests;

    public Recorders(string host, int port)
    {
        this.host = host;
        this.port = port;
    }

    /// Sends a command about a device; gives RESULTTYPE, or null if there is no answer. `text` says more.
    public string Ask(string type, string device, out string text)
    {
        var number = (++requests).ToString();
        var request = $"<REQUEST><TYPE>{type}</TYPE><REQUESTID>{number}</REQUESTID>"
            + $"<DEVICEID>{SecurityElement.Escape(device)}</DEVICEID></REQUEST>\r\n";
        try
        {
            if (client == null) Connect();
            var bytes = Encoding.UTF8.GetBytes(request);
            client.GetStream().Write(bytes, 0, bytes.Length);
            // An answer is one line.
            var answer = new XmlDocument();
            answer.LoadXml(reader.ReadLine() ?? throw new IOException("the connection was closed"));
            var result = answer.DocumentElement;
            if (result["REQUESTID"]?.InnerText != number) throw new IOException("the answer is another command's");
            text = result["RESULTMSG"]?.InnerText;
            return result["RESULTTYPE"]?.InnerText;
        }
        catch (Exception error) when (error is IOException || error is SocketException || error is XmlException)
        {
            // An answer that comes late must not be taken for the next command's: never use this connection again.
            client?.Close();
            client = null;
            text = error.Message;
            return null;
        }
    }

    void Connect()
    {
        // Longer than the proxy takes for an answer (limits.deadline, 2 s).
        client = new TcpClient { ReceiveTimeout = 5000, SendTimeout = 5000, NoDelay = true };
        client.Connect(host, port);
        reader = new StreamReader(client.GetStream(), Encoding.UTF8);
    }

    /// Says it until it is confirmed by every recorder, for ten seconds; gives whether it is.
    public bool Insist(string type, string device)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            var verdict = Ask(type, device, out var text);
            Console.WriteLine($"{type} {verdict ?? "none"} {text}");
            if (!Again.Contains(verdict) || clock.Elapsed.TotalSeconds > 10) return verdict == "API_OK";
            Thread.Sleep(1000);
        }
    }
}

static class Payment
{
    static int Main(string[] args)
    {
        var recorders = new Recorders(args[0], int.Parse(args[1]));
        var device = args[2];
        try
        {
            if (!recorders.Insist("BLACKOUTSTART", device))
            {
                Console.WriteLine("DO NOT ASK: it may be recorded. Take the payment another way");
                return 1;
            }
            Console.WriteLine("ASK FOR THE CARD NUMBER"); // … and wait until it has been given
            return 0;
        }
        finally
        {
            // In any case: those recorders that did begin are silent until they are told to stop.
            recorders.Insist("BLACKOUTSTOP", device);
        }
    }
}
