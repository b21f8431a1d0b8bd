using Makatea.Vmm.Linux;

return await VmmCommand.Create().Parse(args).InvokeAsync();
