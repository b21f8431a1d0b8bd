namespace Makatea.Fuzz;

/// <summary>Something to fuzz, in sessions that have nothing to do with each other.</summary>
public interface IFuzzTarget : IDisposable
{
    /// <summary>Name on the command line and of files in the corpus.</summary>
    string Name { get; }

    /// <summary>What <see cref="Run"/> counts.</summary>
    string Unit { get; }

    /// <summary>Most bytes of one session's input.</summary>
    int MaxInput { get; }

    /// <summary>Runs one session until the input ends or there is nothing left to break.</summary>
    /// <returns>Number of operations done.</returns>
    /// <exception cref="FuzzException">A rule was broken.</exception>
    long Run(FuzzInput input);

    /// <summary>What was reached, for a look at whether the fuzzer tests anything.</summary>
    string Coverage { get; }
}
