using Makatea.LinuxProgram;

// usage: linuxprogram [SECONDS [WORD]]      (of the stress for the collector; trials that have the word in their names alone)
int seconds = args.Length > 0 ? int.Parse(args[0], System.Globalization.CultureInfo.InvariantCulture) : 3;
var trial = new Trial(args.Length > 1 ? args[1] : "");
Console.WriteLine($"program: {Environment.ProcessorCount} processor, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 20} MiB for the heap");
trial.Say("a managed exception is caught, its finally run", ExceptionTrials.Managed);
trial.Say("an exception passes 3,000 frames", ExceptionTrials.Deep);
trial.Say("a null reference is an exception", ExceptionTrials.NullReference);
trial.Say("a division by zero is an exception", ExceptionTrials.DivideByZero);
trial.Say("tasks run on threads of the pool", ThreadTrials.Tasks);
trial.Say("a lock keeps threads apart", ThreadTrials.Locks);
trial.Say("200 threads start and are joined", ThreadTrials.Many);
trial.Say("thread statics are each thread's own", ThreadTrials.Statics);
trial.Say("timers come, and not early", TimeTrials.Timers);
trial.Say("a wait ends at its time, a sleep too", TimeTrials.Waits);
trial.Say("clocks go forward and agree", TimeTrials.Clocks);
trial.Say("bytes pass through a pipe (System.IO.Pipelines)", LibraryTrials.Pipelines);
trial.Say("services are injected (Microsoft.Extensions.DependencyInjection)", LibraryTrials.Injection);
trial.Say("random numbers differ", LibraryTrials.Random);
trial.Say("what is there of files is read", FileTrials.Read);
trial.Say("what is not there is an exception", FileTrials.Absent);
trial.Say("a collection stops a thread that only computes", CollectorTrials.Spinning);
trial.Say("floating-point state outlives collections", CollectorTrials.FloatingPoint);
trial.Say("finalizers run", CollectorTrials.Finalizers);
trial.Say("out of memory is an exception, and memory comes back", CollectorTrials.OutOfMemory);
if (KernelTrials.IsThere)
{
    trial.Say("a thread waits in the kernel itself, until a time", KernelTrials.Waiter);
    trial.Say("a signal does not end a wait in the kernel", KernelTrials.Interrupted);
    trial.Say("memory for devices is clear, and comes back", KernelTrials.DeviceMemory);
}

trial.Say($"the collector under load for {seconds} s", () => CollectorTrials.Stress(TimeSpan.FromSeconds(seconds)));
Costs.Tell();
return trial.End();
