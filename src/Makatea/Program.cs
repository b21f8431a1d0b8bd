Console.Error.WriteLine("makatea: no command yet");
return 2;
