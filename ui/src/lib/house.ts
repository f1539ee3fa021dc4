import { read } from "./api";
import { type House, type Method, ROLES, type Session } from "./contract";
import { RefusedError } from "./refusal";

/** What anybody may know about this house. */
export async function readHouse(): Promise<House> {
  const house = await read<House>("/house.json");
  return { ...house, roles: ROLES.filter((role) => house.roles.includes(role)) };
}

/** Who is signed in; `undefined` for nobody. */
export async function readSession(): Promise<Session | undefined> {
  try {
    return await read<Session>("/auth/session");
  } catch (error) {
    if (error instanceof RefusedError && error.refusal.status === 401) return undefined;
    throw error;
  }
}

export async function readMethods(): Promise<Method[]> {
  return (await read<{ methods: Method[] }>("/auth/methods")).methods;
}

/** The names of the models that this person may ask; the first is the default. */
export async function readModels(): Promise<string[]> {
  const { data } = await read<{ data: { id: string }[] }>("/v1/models");
  return data.map(({ id }) => id);
}
