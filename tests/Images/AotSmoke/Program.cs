using System.Globalization;
using Makatea.AotSmoke;

// Our libraries compiled ahead of time, doing what a storage domain does.
switch (args)
{
    case []:
        SelfTest.Run();
        return 0;
    case ["serve", string socket, string file, string queues, "read-only" or "read-write"]:
        FileBackend.Serve(socket, file, int.Parse(queues, CultureInfo.InvariantCulture), args[4] == "read-only");
        return 0;
    case ["qmp", string socket, .. string[] commands]:
        return MonitorCommands.Run(socket, commands);
    default:
        Console.Error.WriteLine("""
            usage: aotsmoke                                                    test the libraries in this process
                   aotsmoke serve SOCKET FILE QUEUES read-only|read-write      serve a file over vhost-user
                   aotsmoke qmp SOCKET COMMAND...                              give commands to a monitor, by name or as JSON
            """);
        return 2;
}
