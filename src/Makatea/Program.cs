using Makatea.Cli;
using Makatea.Running;
using Makatea.Serving;

// What the manager starts is no command of the user's: it goes past the parser, which it has no use for.
return args is [ComponentSandbox.Verb] ? await ComponentProgram.RunAsync() : Application.Run(args, Console.Out, Console.Error);
