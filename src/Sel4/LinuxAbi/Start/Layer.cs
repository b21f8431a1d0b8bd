namespace Makatea.Sel4.LinuxAbi;

/// <summary>The layer's parts, ready for the first thread of the program.</summary>
internal static unsafe class Layer
{
    /// <summary>Takes what the root task tells, and makes the first thread's stack and registers. It does not run yet.</summary>
    internal static void Start(ComponentInfo* info)
    {
        ConsoleOutput.Start(info->HasConsole != 0);
        if (info->Magic != ComponentInfo.MagicValue)
        {
            Process.EndForLayer("what the root task tells is for another layer", 0);
        }

        Clock.Start(info);
        Grants.Start(info);
        Texts.Start(info);
        Futexes.Start();
        SignalFrames.Start();
        UnknownCalls.Start();
        RandomNumbers.Start();
        MemoryCalls.Start(info->ProgramEnd);
        if (!PageStore.Start(info) || !AddressSpace.Start() || !Paths.Start() || !DeviceMappings.Start(info) || !Replies.Start(info) || !Threads.Start(info) || !Deadlines.Start(info)
            || !SignalActions.Start() || !Descriptors.Start() || !Pipes.Start() || !EventFiles.Start())
        {
            Process.EndForLayer("too little memory, or too few slots, for the layer's tables", 1);
        }

        AddFixed(info);
        LinuxThread* first = Threads.Take();
        first->Registers = default;
        first->Registers.Rip = info->Entry;
        first->Registers.Rsp = InitialStack.Make(info);
        if (first->Registers.Rsp == 0)
        {
            Process.EndForLayer("no memory for the program's stack", 3);
        }
    }

    /// <summary>Tells the address space what is mapped already.</summary>
    private static void AddFixed(ComponentInfo* info)
    {
        AddSegments(info);
        AddressSpace.AddMapped(ComponentLayout.Info, ComponentLayout.Info + ComponentLayout.InfoLength, PageRights.Read, RegionKind.Fixed);
        for (uint i = 0; i < Grants.Count; i++)
        {
            GrantInfo* grant = Grants.Get(i);
            if (grant->Address != 0)
            {
                bool isWritable = grant->Kind is GrantKind.Bar or GrantKind.Registers || (grant->Kind == GrantKind.Region && grant->Value != 0);
                AddressSpace.AddMapped(grant->Address, grant->Address + grant->Length, PageRights.Read | (isWritable ? PageRights.Write : 0), RegionKind.Fixed);
            }
        }
    }

    private static void AddSegments(ComponentInfo* info)
    {
        const uint Load = 1;
        var header = (ProgramHeader*)info->HeadersAddress;
        if (header == null)
        {
            AddressSpace.AddMapped(info->ProgramStart, info->ProgramEnd, PageRights.All, RegionKind.Program);
        }

        for (ulong i = 0; header != null && i < info->Headers; i++, header++)
        {
            if (header->Type == Load)
            {
                // The processor's order of rights is the other way round.
                uint flags = header->Flags;
                PageRights rights = ((flags & 4) != 0 ? PageRights.Read : 0) | ((flags & 2) != 0 ? PageRights.Write : 0) | ((flags & 1) != 0 ? PageRights.Execute : 0);
                AddressSpace.AddMapped(header->Address, header->Address + header->MemoryLength, rights, RegionKind.Program);
            }
        }
    }
}
