import { Workspace } from "@/workspace/Workspace";

export default function Page() {
  return <Workspace />;
}
