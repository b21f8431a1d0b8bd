using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>
/// The steps by which a controller is started, stopped and given its queues ([NVMe-2.1] 3.5 to 3.7). Each either succeeds or throws; what follows is decided elsewhere. Its user
/// holds the controller's lock.
/// </summary>
internal sealed class ControllerSession : IDisposable
{
    private const byte CnsNamespace = 0x00;
    private const byte CnsController = 0x01;
    private const byte CnsActiveNamespaces = 0x02;
    private const byte CnsNamespaceIdentifiers = 0x03;
    private const byte CnsCommandSetController = 0x06;
    private const uint Version11 = 0x00010100;
    private const uint Version13 = 0x00010300;
    private const uint Version20 = 0x00020000;

    /// <summary>Namespace attribute notices and firmware activation notices, in OAES and in the feature.</summary>
    private const uint Notices = (1 << 8) | (1 << 9);

    /// <summary>More namespaces than that are not listed.</summary>
    private const int MaxNamespaces = 8192;

    private readonly PciFunction _function;
    private readonly NvmeOptions _options;
    private readonly byte[] _data = new byte[AdminQueue.DataLength];

    internal ControllerSession(PciFunction function, NvmeOptions options)
    {
        _function = function;
        _options = options;
        Port = new ControllerPort(function.MapBar(0));
        Admin = new AdminQueue(function.Dma, Port, options.AdminTimeout);
    }

    internal ControllerPort Port { get; }

    internal AdminQueue Admin { get; }

    internal ControllerIdentity Identity { get; private set; } = null!;

    internal CommandSetLimits Limits { get; private set; }

    internal ShadowDoorbells? Shadows { get; private set; }

    /// <summary>How many I/O queues there may be.</summary>
    internal int QueueCount { get; private set; }

    /// <summary>Starts a stopped controller, up to where queues can be created.</summary>
    /// <exception cref="NvmeException">It does not start, or is not one that can be used.</exception>
    internal void Start()
    {
        _function.SetBusMaster(true);
        Admin.Reset();
        Port.Enable(Admin.SubmissionIova, Admin.CompletionIova, AdminQueue.Entries);
        Admin.Execute(AdminCommand.Identify(CnsController), "Identify Controller", _data);
        Identity = ControllerIdentity.Parse(_data);
        Limits = ReadLimits();
        QueueCount = RequestQueues();
        Try(AdminCommand.SetFeatures(FeatureId.AsynchronousEvents, 0xff | (Identity.OptionalEvents & Notices)), "Set Features (events)");
        ShareDoorbells();
    }

    /// <summary>Stops the controller, by a function-level reset if need be: afterwards it touches no memory.</summary>
    /// <returns>False where the function was reset, and its interrupts are gone.</returns>
    /// <exception cref="NvmeException">Not even that stops it, or it is gone.</exception>
    internal bool Stop()
    {
        try
        {
            Port.Disable();
            return true;
        }
        catch (NvmeException e) when (e.Fault == NvmeFault.NotReady)
        {
            try
            {
                _function.Reset();
            }
            catch (IOException cause)
            {
                throw new NvmeException(NvmeFault.NotReady, $"{e.Message}; nor can it be reset: {cause.Message}", cause);
            }

            Port.Disable();
            return false;
        }
    }

    internal void Create(QueuePair pair)
    {
        pair.Reset(Shadows);
        Admin.Execute(AdminCommand.CreateCompletionQueue(pair.Id, pair.Entries, pair.CompletionIova, pair.Vector), $"Create I/O Completion Queue {pair.Id}");
        Admin.Execute(AdminCommand.CreateSubmissionQueue(pair.Id, pair.Entries, pair.SubmissionIova), $"Create I/O Submission Queue {pair.Id}");
    }

    internal void Delete(QueuePair pair)
    {
        Admin.Execute(AdminCommand.DeleteSubmissionQueue(pair.Id), $"Delete I/O Submission Queue {pair.Id}");
        Admin.Execute(AdminCommand.DeleteCompletionQueue(pair.Id), $"Delete I/O Completion Queue {pair.Id}");
    }

    internal IReadOnlyList<uint> ListNamespaces()
    {
        var namespaces = new List<uint>();
        if (Port.Version < Version11)
        {
            for (uint id = 1; id <= Math.Min(Identity.NamespaceCount, MaxNamespaces); id++)
            {
                namespaces.Add(id);
            }

            return namespaces;
        }

        bool isMore = true;
        while (isMore && namespaces.Count < MaxNamespaces)
        {
            uint after = namespaces.Count == 0 ? 0 : namespaces[^1];
            Admin.Execute(AdminCommand.Identify(CnsActiveNamespaces, after), "Identify (active namespaces)", _data);
            isMore = NamespaceList.Append(namespaces, _data, after, Identity.NamespaceCount);
        }

        return namespaces;
    }

    /// <summary>Reads what a namespace is.</summary>
    /// <returns>Null where it is not active.</returns>
    internal NamespaceGeometry? ReadNamespace(uint id)
    {
        string uuid = Port.Version >= Version13 && Try(AdminCommand.Identify(CnsNamespaceIdentifiers, id), "Identify (namespace identifiers)", _data)
            ? NamespaceIdentifier.FindUuid(_data)
            : "";

        // Inactive namespaces are filled with zeroes.
        return Try(AdminCommand.Identify(CnsNamespace, id), $"Identify Namespace {id}", _data) && _data.AsSpan().ContainsAnyExcept((byte)0)
            ? NamespaceGeometry.Parse(id, _data, uuid)
            : null;
    }

    internal byte[] ReadLog(LogPage page, int length, bool keepEvent)
    {
        byte[] log = new byte[length];
        Admin.Execute(AdminCommand.GetLogPage(page, length, keepEvent), $"Get Log Page {(byte)page:x}", log);
        return log;
    }

    internal void SetWriteCache(bool enabled) =>
        Admin.Execute(AdminCommand.SetFeatures(FeatureId.VolatileWriteCache, enabled ? 1u : 0), "Set Features (write cache)");

    public void Dispose()
    {
        Shadows?.Dispose();
        Admin.Dispose();
    }

    private CommandSetLimits ReadLimits()
    {
        if (Port.Version >= Version20 && Try(AdminCommand.Identify(CnsCommandSetController), "Identify (command set)", _data))
        {
            return CommandSetLimits.Parse(_data);
        }

        return default;
    }

    private int RequestQueues()
    {
        uint wanted = (uint)_options.MaxQueues - 1;
        uint result = Admin.Execute(AdminCommand.SetFeatures(FeatureId.NumberOfQueues, (wanted << 16) | wanted), "Set Features (queues)");
        int granted = (int)Math.Min(result & 0xffff, result >> 16) + 1;
        return Math.Min(Math.Min(granted, _options.MaxQueues), Port.QueuesInReach - 1);
    }

    private void ShareDoorbells()
    {
        if (!_options.UseShadowDoorbells || !Identity.SupportsShadowDoorbells)
        {
            return;
        }

        Shadows ??= new ShadowDoorbells(_function.Dma, Port.Capabilities.DoorbellStride);
        Shadows.Clear();
        if (!Try(AdminCommand.DoorbellBufferConfig(Shadows.Doorbells, Shadows.EventIndices), "Doorbell Buffer Config"))
        {
            Shadows.Dispose();
            Shadows = null;
        }
    }

    /// <summary>Does a command that the controller may refuse.</summary>
    private bool Try(SubmissionEntry command, string name, Span<byte> data = default)
    {
        try
        {
            Admin.Execute(command, name, data);
            return true;
        }
        catch (NvmeException e) when (e.Fault == NvmeFault.CommandFailed)
        {
            return false;
        }
    }
}
